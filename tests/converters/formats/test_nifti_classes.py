def test_classes_are_the_names_of_files(tree, make_card, read):
    root = tree({
        "s1/ct.nii.gz": None, "s1/segmentations/liver.nii.gz": None, "s1/segmentations/aorta.nii.gz": b"",
        "s1/segmentations/preview.png": None, "s2/ct.nii.gz": None,
        "s3/segmentations/aorta.nii.gz": None, "s3/segmentations/liver.nii.gz": None,
    })  # fmt: skip
    labels = {"liver": "liver", "aorta": "aorta", "spleen": "spleen"}
    card = make_card(
        "nifti_classes", {"key": "{case}"}, labels=labels, exhaustive={"regions": True}, patient="one per case"
    )
    samples, refusals = read(root, card)
    assert [(one.key, one.patient, one.media[0].kind) for one in samples] == [("s1", "s1", "volume")]
    region = samples[0].regions[0]
    assert (region.kind, region.name, region.file) == ("mask", "liver", "s1/segmentations/liver.nii.gz")
    assert samples[0].complete_regions == ("liver",)
    assert [(one.unit, one.reason, one.part) for one in refusals] == [
        ("s1#s1/segmentations/aorta.nii.gz", "empty_file", True), ("s2", "missing_folder", False),
        ("s3/segmentations", "missing_picture", True),
    ]  # fmt: skip


def test_a_class_without_a_file_is_absent_only_if_the_card_says_so(tree, make_card, read):
    root = tree({"s1/ct.nii.gz": None, "s1/m/x_liver_1.nii.gz": None})
    params = {"classes": "{case}/m/x_*_1.nii.gz", "missing": "none"}
    labels = {"liver": "liver", "spleen": "spleen", "box": None}
    samples, _ = read(root, make_card("nifti_classes", params, labels=labels, exhaustive={"regions": True}))
    assert ([region.name for region in samples[0].regions], samples[0].complete_regions) == (
        ["liver"],
        ("liver", "spleen"),
    )
