"""Members of container files: the numbers that were written, by row and by region, and nothing from anywhere else."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import tifffile
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from medloom.converters.pixels.arrays import AS_IS, open_member, read_item, read_picture, read_volume_array
from medloom.converters.pixels.hdf5_file import Hdf5File
from medloom.converters.pixels.npz_file import NpyFile
from medloom.converters.pixels.tiff_file import TiffFile
from medloom.converters.pixels.tiff_slide import TiffSlide
from medloom.converters.pixels.window import apply_window
from medloom.schemas.errors import BadInput

ROWS = np.random.default_rng(0).integers(0, 255, (40, 9, 7, 3), np.uint8)


def reason(of) -> str:
    with pytest.raises(BadInput) as bad:
        of()
    return bad.value.reason


def npy(array: np.ndarray, **how) -> bytes:
    data = io.BytesIO()
    np.lib.format.write_array(data, array, allow_pickle=True, **how)
    return data.getvalue()


def packed(path: Path, how: int, **arrays: np.ndarray) -> Path:
    with zipfile.ZipFile(path, "w", how) as archive:
        for name, array in arrays.items():
            archive.writestr(f"{name}.npy", npy(array))
    return path


# ---- npz ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_rows_of_an_archive_in_any_order(tmp_path: Path, how: int) -> None:
    file = NpyFile(packed(tmp_path / "a.npz", how, train_images=ROWS, train_labels=np.arange(40)[:, None]))
    assert file.names == ("train_images", "train_labels")
    found = file.array("train_images")
    assert (found.shape, found.dtype) == (ROWS.shape, ROWS.dtype)
    for row in (17, 3, 39, 0, 3):
        assert np.array_equal(found.item(row), ROWS[row])
    assert np.array_equal(found.all(), ROWS)
    assert reason(lambda: found.item(40)) == reason(lambda: found.item(-1)) == "which_frame"


@given(
    hnp.arrays(
        st.sampled_from([np.bool_, np.uint8, np.dtype(">i2"), np.int64, np.float16, np.dtype(">f8")]),
        hnp.array_shapes(min_dims=1, max_dims=4, max_side=5),
    ),
    st.booleans(),
    st.booleans(),
)
@settings(max_examples=40)
def test_whatever_numpy_writes_is_read_back(tmp_path_factory, array: np.ndarray, fortran: bool, deflated: bool) -> None:
    array = np.asfortranarray(array) if fortran else array
    how = zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED
    found = NpyFile(packed(tmp_path_factory.mktemp("n") / "a.npz", how, x=array)).array("x")
    np.testing.assert_array_equal(found.all(), array)
    for row in range(len(array)):
        np.testing.assert_array_equal(found.item(row), array[row])


def test_only_what_is_asked_for_is_inflated(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 255, (64, 1 << 18), np.uint8)
    found = NpyFile(packed(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, x=rows)).array("x")
    found.item(2)
    assert found._source._done < 16 << 20  # type: ignore[attr-defined]
    found.item(63)
    assert found._source._done >= 16 << 20  # type: ignore[attr-defined]


def test_objects_are_never_unpickled(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "opened",))

    path = packed(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, x=np.array([Bomb()], object))
    assert reason(lambda: NpyFile(path).array("x")) == "pickled"
    assert not (tmp_path / "opened").exists()


def test_archives_that_lie(tmp_path: Path) -> None:
    cases = {
        "truncated": npy(ROWS)[:-5], "corrupt": b"\x93NUMPY\x01\x00\x10\x00{'descr': __import__",
        "pickled": npy(np.array([None])),
    }  # fmt: skip
    for number, (wanted, data) in enumerate(cases.items()):
        path = tmp_path / f"{number}.npy"
        path.write_bytes(data)
        assert reason(lambda path=path: NpyFile(path).array("")) == wanted  # type: ignore[misc]
    shape = "{'descr': '|u1', 'fortran_order': False, 'shape': (1000000000000000,)}"
    path = tmp_path / "bomb.npy"
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(shape).to_bytes(2, "little") + shape.encode())
    assert reason(lambda: NpyFile(path)) == "decompression_bomb"
    (tmp_path / "x.npz").write_bytes(b"PK\x03\x04 no zip")
    assert reason(lambda: NpyFile(tmp_path / "x.npz")) == "corrupt"
    (tmp_path / "y.npz").write_bytes(b"hello")
    assert reason(lambda: NpyFile(tmp_path / "y.npz")) == "not_an_array"
    good = packed(tmp_path / "z.npz", zipfile.ZIP_DEFLATED, x=ROWS)
    assert reason(lambda: NpyFile(good).array("y")) == "missing_array"


def test_a_damaged_member_is_told(tmp_path: Path) -> None:
    data = bytearray(packed(tmp_path / "a.npz", zipfile.ZIP_DEFLATED, x=ROWS).read_bytes())
    data[len(data) // 2] ^= 0xFF
    (tmp_path / "b.npz").write_bytes(data)
    assert reason(lambda: NpyFile(tmp_path / "b.npz").array("x").all()) in ("corrupt", "truncated")


# ---- HDF5 -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def hdf5(tmp_path: Path) -> Path:
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["secret"] = np.arange(4, dtype=np.uint8)
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("deep/images", data=ROWS, chunks=(3, 9, 7, 3), compression="gzip", shuffle=True)
        file["label"] = np.array(["cyst", "größer"], h5py.string_dtype())
        file["jpeg"] = np.void(b"\xff\xd8\xff\xe0 and so on")
        file["soft"], file["hard"] = h5py.SoftLink("/deep/images"), file["deep/images"]
        file["deep/circle"] = file["deep"]
        file["out"] = h5py.ExternalLink("other.h5", "/secret")
        file["table"] = np.zeros(3, [("a", "i4")])
        file["reference"] = np.array([file["deep"].ref], h5py.ref_dtype)
        file.create_dataset("raw", (4,), "u1", external=[(str(tmp_path / "other.h5"), 0, 4)])
        layout = h5py.VirtualLayout((4,), "u1")
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "secret", (4,))
        file.create_virtual_dataset("virtual", layout)
    return path


def test_datasets_by_row(hdf5: Path) -> None:
    found = Hdf5File(hdf5).array("deep/images")
    assert (found.shape, found.dtype) == (ROWS.shape, ROWS.dtype)
    assert np.array_equal(found.item(11), ROWS[11])
    assert np.array_equal(Hdf5File(hdf5).array("hard").all(), ROWS)
    assert [value.decode() for value in Hdf5File(hdf5).array("label").all()] == ["cyst", "größer"]
    assert reason(lambda: found.item(40)) == "which_frame"
    with h5py.File(hdf5.with_name("block.h5"), "w", userblock_size=512) as file:
        file["x"] = ROWS
    assert Hdf5File(hdf5.with_name("block.h5")).array("x").shape == ROWS.shape


def test_nothing_leads_out_of_the_file(hdf5: Path) -> None:
    file = Hdf5File(hdf5)
    assert "soft" not in list(file.names())
    assert "out" not in list(file.names())
    assert "deep/circle/images" not in list(file.names())
    for name in ("soft", "out", "raw", "virtual"):
        assert reason(lambda name=name: file.array(name)) == "unsafe_link", name  # type: ignore[misc]
    for name in ("table", "reference"):
        assert reason(lambda name=name: file.array(name)) == "unsupported_array", name  # type: ignore[misc]
    for name in ("nothing", "deep", "../a", "deep/images/x", ""):
        assert reason(lambda name=name: file.array(name)) == "missing_array", name  # type: ignore[misc]


# ---- TIFF -----------------------------------------------------------------------------------------------------------

PICTURE = np.random.default_rng(1).integers(0, 255, (300, 410, 3), np.uint8)
GREY = PICTURE[..., 0]
KINDS = {
    "strips": (PICTURE, {"rowsperstrip": 37}), "deflate": (PICTURE, {"compression": "deflate", "predictor": True}),
    "tiles": (PICTURE, {"tile": (64, 128), "compression": "lzw"}),
    "jpeg2000": (PICTURE, {"tile": (128, 128), "compression": "jpeg2000"}),
    "planes": (PICTURE.transpose(2, 0, 1), {"tile": (64, 64), "planarconfig": "separate", "photometric": "rgb"}),
    "16 bit": (GREY.astype(np.uint16) * 257, {"tile": (64, 64), "bigtiff": True}), "float": (GREY / 7, {}),
    "big endian": (GREY.astype(np.int16) - 99, {"byteorder": ">", "compression": "zstd"}),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_regions_are_what_was_written(tmp_path: Path, kind: str) -> None:
    array, options = KINDS[kind]
    tifffile.imwrite(tmp_path / "a.tif", array, **options)
    shown = array.transpose(1, 2, 0) if kind == "planes" else array
    plane = TiffFile(tmp_path / "a.tif").one().plane(0)
    assert (plane.height, plane.width, plane.read_shape) == (300, 410, shown.shape)
    assert np.array_equal(plane.read(), shown)
    for x0, y0, x1, y1 in ((0, 0, 1, 1), (60, 50, 131, 129), (409, 299, 410, 300), (0, 298, 410, 300)):
        assert np.array_equal(plane.read((x0, y0, x1, y1)), shown[y0:y1, x0:x1])
    assert reason(lambda: plane.read((0, 0, 411, 10))) == reason(lambda: plane.read((5, 5, 5, 9))) == "outside_picture"


def test_palettes_and_white_at_zero(tmp_path: Path) -> None:
    colours = (np.arange(768).reshape(3, 256) % 256 * 257).astype(np.uint16)
    tifffile.imwrite(tmp_path / "p.tif", GREY, photometric="palette", colormap=colours)
    shown = TiffFile(tmp_path / "p.tif").one().plane(0).read()
    assert np.array_equal(shown, (colours >> 8).astype(np.uint8).T[GREY])
    tifffile.imwrite(tmp_path / "w.tif", GREY, photometric="miniswhite")
    assert np.array_equal(TiffFile(tmp_path / "w.tif").one().plane(0).read(), 255 - GREY)
    tifffile.imwrite(tmp_path / "b.tif", GREY > 99, photometric="minisblack")
    assert np.array_equal(TiffFile(tmp_path / "b.tif").one().plane(0).read(), (GREY > 99).astype(np.uint8) * 255)
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((8, 8, 4), np.uint8), photometric="separated")
    assert reason(lambda: TiffFile(tmp_path / "c.tif").one().plane(0)) == "unsupported_pixels"


@pytest.fixture
def pyramid(tmp_path: Path) -> Path:
    path = tmp_path / "slide.ome.tif"
    options = {"tile": (64, 64), "photometric": "rgb", "compression": "deflate"}
    sizes = {"axes": "YXS", "PhysicalSizeX": 250.0, "PhysicalSizeXUnit": "nm", "PhysicalSizeY": 0.5}
    with tifffile.TiffWriter(path, ome=True) as file:
        file.write(PICTURE, subifds=2, metadata=sizes, **options)
        for step in (2, 4):
            file.write(np.ascontiguousarray(PICTURE[::step, ::step]), subfiletype=1, **options)
        file.write(GREY)  # a label, which may name the patient
    return path


def test_levels_of_a_pyramid(pyramid: Path) -> None:
    slide = TiffSlide(pyramid)
    assert [(one.width, one.height) for one in slide.levels] == [(410, 300), (205, 150), (103, 75)]
    assert slide.levels[0].microns == (0.25, 0.5)
    assert slide.levels[1].microns == (0.5, 1.0)
    assert np.array_equal(slide.read(1, (100, 20, 200, 150)), PICTURE[::2, ::2][20:150, 100:200])
    assert np.array_equal(open_member(pyramid, "0/2").item(0), PICTURE[::4, ::4])
    assert reason(lambda: open_member(pyramid, "0/3")) == "which_frame"
    assert reason(lambda: open_member(pyramid, "2")) == reason(lambda: open_member(pyramid, "x")) == "missing_array"


def test_a_slide_of_16_bits_is_shown_through_one_window(tmp_path: Path) -> None:
    deep = (np.arange(200 * 300).reshape(200, 300) % 5000 + 300).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", deep, tile=(64, 64))
    slide = TiffSlide(tmp_path / "a.tif")
    whole, part = slide.read(0, (0, 0, 300, 200)), slide.read(0, (30, 40, 90, 100))
    assert np.array_equal(whole[40:100, 30:90], part)
    assert (whole.min(), whole.max(), whole.shape[2], len(slide.notes)) == (0, 255, 3, 1)


def test_tiles_that_are_not_there_are_white(pyramid: Path) -> None:
    data = bytearray(pyramid.read_bytes())
    with tifffile.TiffFile(pyramid) as file:
        tag = file.pages[0].tags["TileByteCounts"]
        data[tag.valueoffset : tag.valueoffset + 4] = b"\0" * 4
    pyramid.write_bytes(data)
    shown = TiffFile(pyramid).one().plane(0).read()
    assert (shown[:64, :64] == 255).all()
    assert np.array_equal(shown[64:], PICTURE[64:])


def test_spacing_of_stacks(tmp_path: Path) -> None:
    stack = np.zeros((4, 20, 30), np.uint8)
    metadata = {"axes": "ZYX", "spacing": 2.0, "unit": "um"}
    tifffile.imwrite(tmp_path / "i.tif", stack, imagej=True, resolution=(4.0, 2.0), metadata=metadata)
    assert TiffFile(tmp_path / "i.tif").one().microns == (2.0, 0.5, 0.25)
    volume = read_volume_array(tmp_path / "i.tif", "0", None)
    assert (volume.spaced, volume.shape) == (True, (30, 20, 4))
    assert volume.spacing == pytest.approx((0.00025, 0.0005, 0.002))
    tifffile.imwrite(tmp_path / "n.tif", stack, resolution=(72, 72), resolutionunit="inch", photometric="minisblack")
    assert TiffFile(tmp_path / "n.tif").one().microns == (None, None, None)  # meant for a printer
    assert not read_volume_array(tmp_path / "n.tif", "0", None).spaced
    tifffile.imwrite(
        tmp_path / "s.tif", GREY, description="Aperio Image Library\nx|AppMag = 20|MPP = 0.4990", metadata=None
    )
    assert TiffFile(tmp_path / "s.tif").one().microns == (None, 0.499, 0.499)


def test_no_other_file_is_opened_for_an_ome_tiff(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "b.ome.tif", np.full((16, 16), 7, np.uint8))
    xml = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image ID="Image:0">'
        '<Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="16" SizeY="16" SizeZ="2" SizeC="1" SizeT="1">'
        '<TiffData IFD="0" FirstZ="0" PlaneCount="1"/><TiffData IFD="0" FirstZ="1" PlaneCount="1">'
        '<UUID FileName="b.ome.tif">urn:uuid:0</UUID></TiffData></Pixels></Image></OME>'
    )
    tifffile.imwrite(tmp_path / "a.ome.tif", np.full((16, 16), 3, np.uint8), description=xml, metadata=None)
    try:
        shown = read_volume_array(tmp_path / "a.ome.tif", "0", None).data
    except BadInput:
        return
    assert 7 not in shown


def test_an_ome_description_that_explodes_is_refused(tmp_path: Path) -> None:
    entities = '<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]>'
    xml = f'<?xml version="1.0"?>{entities}<OME><Image><Pixels/>&b;</Image></OME>'
    tifffile.imwrite(tmp_path / "a.ome.tif", GREY, description=xml, metadata=None)
    assert reason(lambda: TiffFile(tmp_path / "a.ome.tif")) == "corrupt"


# ---- all of them ----------------------------------------------------------------------------------------------------


def test_items_as_pictures(tmp_path: Path) -> None:
    np.savez(
        tmp_path / "a.npz", grey=GREY, first=PICTURE.transpose(2, 0, 1), one=GREY[..., None], yes=GREY > 9,
        two=np.zeros((40, 50, 2)), flat=np.zeros(7), none=np.zeros((0, 4)), words=np.array(["a"]),
        z=np.zeros((3, 3), complex),
    )  # fmt: skip
    path = tmp_path / "a.npz"
    assert np.array_equal(read_picture(path, "grey", None), GREY)
    assert np.array_equal(read_picture(path, "first", None), PICTURE)
    assert np.array_equal(read_picture(path, "one", None), GREY)
    assert np.array_equal(read_picture(path, "yes", None), (GREY > 9) * np.uint8(255))
    assert np.array_equal(read_picture(path, "grey", None, (3, 4, 50, 60)), GREY[4:60, 3:50])
    assert reason(lambda: read_picture(path, "grey", None, (3, 4, 500, 60))) == "outside_picture"
    for name in ("two", "flat", "none", "words", "z"):
        assert reason(lambda name=name: read_picture(path, name, None)) == "unsupported_array", name  # type: ignore[misc]
    assert reason(lambda: read_item(path, None, None)) == "missing_array"
    np.save(tmp_path / "b.npy", PICTURE)
    assert np.array_equal(read_picture(tmp_path / "b.npy", None, None), PICTURE)


def test_volumes_are_shown_as_they_are_stored(tmp_path: Path) -> None:
    stack = np.random.default_rng(2).integers(0, 255, (5, 20, 30), np.uint8)
    np.savez_compressed(tmp_path / "a.npz", x=stack[None], big=stack.astype(">i2"))
    volume = read_volume_array(tmp_path / "a.npz", "x", 0)
    assert (volume.oriented, volume.spaced, volume.window) == (False, False, AS_IS)
    for number in range(5):
        pixels, geometry = volume.slice("axial", number)
        assert np.array_equal(pixels, stack[number])
        assert np.array_equal(apply_window(pixels, *AS_IS), stack[number])
        assert (geometry.orientation, geometry.to_patient) == (None, None)
    assert np.array_equal(read_volume_array(tmp_path / "a.npz", "big", None).slice("axial", 3)[0], stack[3])


def test_an_encoded_picture_in_a_dataset(tmp_path: Path) -> None:
    import cv2

    data = cv2.imencode(".png", PICTURE)[1].tobytes()
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["void"], file["bytes"] = np.void(data), np.frombuffer(data, np.uint8)
    assert read_picture(tmp_path / "a.h5", "void", None) == read_picture(tmp_path / "a.h5", "bytes", None) == data


@pytest.mark.parametrize("kind", ["npz", "h5", "tif", "npy"])
def test_damaged_files_are_refused_and_nothing_else(tmp_path: Path, pyramid: Path, kind: str) -> None:
    path = tmp_path / f"a.{kind}"
    rows = ROWS[:6]
    if kind == "npz":
        packed(path, zipfile.ZIP_DEFLATED, x=rows)
    elif kind == "npy":
        np.save(path, rows)
    elif kind == "tif":
        path.write_bytes(pyramid.read_bytes())
    else:
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=rows, chunks=(2, 9, 7, 3), compression="gzip", fletcher32=True)
    whole = path.read_bytes()
    rng = np.random.default_rng(3)
    for number in range(60 if kind == "h5" else 150):
        data = bytearray(whole)
        head = rng.random() < 0.5
        for at in rng.integers(0, min(len(data), 2048) if head else len(data), rng.integers(1, 9)):
            data[at] = rng.integers(256)
        if rng.random() < 0.2:
            del data[rng.integers(1, len(data)) :]
        broken = tmp_path / f"b{number}.{kind}"
        broken.write_bytes(data)
        try:
            found = open_member(broken, None if kind in ("npy", "tif") else "x")
            found.item(0)
        except BadInput:
            pass
        broken.unlink()
