import pytest

from medloom.converters.registry import load_converter

LABELS = {"effusion": "pleural_effusion", "mass": "mass", "No Finding": "no_finding", "todo": None}


def card_of(make_card, params, **fields):
    given = {"tables": ["t.csv"], "picture": "images/{file}", **params}
    return make_card("csv_labels", given, **{"labels": LABELS, **fields})


def facts(sample):
    return {label.name: label.polarity for label in sample.labels}


def tree_of(tree, table, *pictures):
    return tree({"t.csv": table} | {f"images/{name}": None for name in pictures})


def test_one_hot_states_presence_absence_and_doubt(tree, make_card, read):
    root = tree_of(tree, "file,effusion,mass\na.png,1,0\nb.png,,-1.0\nc.png,True,NaN\n", "a.png", "b.png", "c.png")
    params = {"one_hot": ["effusion", "mass"]}
    samples, refusals = read(root, card_of(make_card, params, exhaustive={"labels": True}))
    assert not refusals
    assert [facts(one) for one in samples] == [
        {"effusion": "present", "mass": "absent"}, {"mass": "uncertain"}, {"effusion": "present"},
    ]  # fmt: skip
    assert [one.complete_labels for one in samples] == [
        ("effusion", "mass"), ("mass",), ("effusion",),  # and never what no column states
    ]  # fmt: skip
    assert samples[0].labels[1].pointer == "t.csv#row=0,column=mass"
    assert samples[0].key == "images/a.png"


def test_one_hot_columns_of_the_card(tree, make_card, read):
    root = tree_of(tree, "file,effusion,mass,No Finding,todo\na.png,1,0,0,1\n", "a.png")
    samples, _ = read(root, card_of(make_card, {"one_hot": "card"}))
    assert facts(samples[0]) == {"effusion": "present", "mass": "absent", "No Finding": "absent"}
    assert samples[0].complete_labels == ()


def test_cells_that_are_no_value(tree, make_card, read):
    root = tree_of(tree, "file,mass\na.png,0.5\nb.png,x\n", "a.png", "b.png")
    _, refusals = read(root, card_of(make_card, {"one_hot": ["mass"]}))
    assert [one.reason for one in refusals] == ["unknown_value", "unknown_value"]
    own = {"one_hot": ["mass"], "values": {"X": "present", "0.5": "uncertain"}}
    samples, refusals = read(root, card_of(make_card, own))
    assert ([facts(one) for one in samples], refusals) == ([{"mass": "uncertain"}, {"mass": "present"}], [])


def test_lists_in_one_column(tree, make_card, read):
    table = "file;labels\na.png;effusion|mass|effusion\nb.png;No Finding\nc.png;\nd.png;effusion|todo\n"
    root = tree_of(tree, table, "a.png", "b.png", "c.png", "d.png")
    params = {"lists": ["labels"], "nothing": ["No Finding"]}
    samples, _ = read(root, card_of(make_card, params, exhaustive={"labels": True}))
    assert [facts(one) for one in samples] == [
        {"effusion": "present", "mass": "present"}, {"No Finding": "present"}, {}, {"effusion": "present"},
    ]  # fmt: skip
    assert [one.complete_labels for one in samples] == [
        ("effusion", "mass", "No Finding"), ("effusion", "mass"), (), (),
    ]  # fmt: skip


def test_lists_as_python_writes_them_in_a_table_without_header(tree, make_card, read):
    root = tree_of(tree, "a.png;['effusion', 'mass']\nb.png;[]\n", "a.png", "b.png")
    params = {"lists": ["labels"], "list_delimiter": ",", "list_strip": "[]' "}
    params |= {"header": ["file", "labels"], "delimiter": ";"}
    samples, refusals = read(root, card_of(make_card, params))
    assert [facts(one) for one in samples] == [{"effusion": "present", "mass": "present"}, {}]
    assert (samples[0].labels[0].pointer, refusals) == ("t.csv#row=0,column=labels", [])


def test_nothing_found_is_absence_even_where_labels_are_not_exhaustive(tree, make_card, read):
    root = tree_of(tree, "file,a\na.png,No Finding\nb.png,mass\nc.png,\n", "a.png", "b.png", "c.png")
    samples, _ = read(root, card_of(make_card, {"columns": ["a"], "nothing": ["No Finding", ""]}))
    assert [one.complete_labels for one in samples] == [
        ("effusion", "mass"), (), ("effusion", "mass"),
    ]  # fmt: skip


def test_names_in_several_columns_may_be_qualified(tree, make_card, read):
    root = tree_of(tree, "file,grade,edema\na.png,0,0\nb.png,2,\n", "a.png", "b.png")
    params = {"columns": ["grade", "edema"], "qualified": True}
    card = card_of(make_card, params, labels={"grade=0": "none", "grade=2": "moderate", "edema=0": None})
    samples, _ = read(root, card)
    assert [facts(one) for one in samples] == [{"grade=0": "present"}, {"grade=2": "present"}]


def test_todo_is_unlabelled(tree, make_card, read):
    root = tree_of(tree, "file,a\na.png,todo\n", "a.png")
    samples, refusals = read(root, card_of(make_card, {"columns": ["a"]}, exhaustive={"labels": True}))
    assert (samples[0].labels, samples[0].complete_labels, refusals) == ((), (), [])


def test_rows_that_can_not_be_used(tree, make_card, read):
    table = (
        b"file,a,p\na.png,mass,1\ngone.png,mass,2\n,mass,3\n../t.csv,mass,4\nempty.png,mass,5\na.png,effusion,6\n"
        b"caf\xe9.png,mass,7\nb.png,mass\nb.png,mass,\n/etc/passwd,mass,1\n"
    )
    root = tree_of(tree, table, "a.png", "b.png")
    (root / "images/empty.png").write_bytes(b"")
    samples, refusals = read(root, card_of(make_card, {"columns": ["a"]}, patient={"column": "p"}))
    assert [(one.key, one.patient) for one in samples] == [("images/a.png", "1")]
    assert [(one.unit, one.reason) for one in refusals] == [
        ("t.csv#row=1", "missing_file"), ("t.csv#row=2", "no_picture"), ("t.csv#row=3", "unsafe_path"),
        ("t.csv#row=4", "empty_file"), ("t.csv#row=5", "duplicate_key"), ("t.csv#row=6", "not_utf8"),
        ("t.csv#row=7", "bad_row"), ("images/b.png", "no_patient"), ("t.csv#row=9", "missing_file"),
    ]  # fmt: skip


def test_a_blank_patient_is_unknown_on_the_cards_word(tree, make_card, read):
    root = tree_of(tree, "file,a,p\na.png,mass,7\nb.png,mass,\n", "a.png", "b.png")
    card = card_of(make_card, {"columns": ["a"]}, patient={"column": "p", "blank": "unknown"})
    samples, refusals = read(root, card)
    assert ([(one.key, one.patient) for one in samples], refusals) == (
        [("images/a.png", "7"), ("images/b.png", None)], [],
    )  # fmt: skip


def test_several_rows_of_a_picture_can_be_merged(tree, make_card, read):
    table = "file,mass,effusion,p\na.png,1,1,x\nb.png,0,0,x\na.png,0,1,x\nc.png,0,0,x\nc.png,0,0,y\n"
    root = tree_of(tree, table, "a.png", "b.png", "c.png")
    params = {"one_hot": ["mass", "effusion"], "merge_rows": True}
    samples, refusals = read(root, card_of(make_card, params, patient={"column": "p"}))
    assert [(one.key, facts(one)) for one in samples] == [
        ("images/a.png", {"mass": "uncertain", "effusion": "present"}),
        ("images/b.png", {"mass": "absent", "effusion": "absent"}),
    ]
    assert [(one.unit, one.reason) for one in refusals] == [("images/c.png", "conflicting_rows")]


def test_rows_that_disagree_on_nothing_found_are_uncertain(tree, make_card, read):
    table = (
        "file,a\na.png,effusion\na.png,No Finding\nb.png,No Finding\nb.png,No Finding\nc.png,effusion|No Finding\n"
        "d.png,effusion\nd.png,mass\ne.png,todo\ne.png,No Finding\n"
    )
    root = tree_of(tree, table, *(f"{name}.png" for name in "abcde"))
    params = {"lists": ["a"], "nothing": ["No Finding"], "merge_rows": True}
    for exhaustive in (False, True):
        card = card_of(make_card, params, exhaustive={"labels": exhaustive})
        samples, refusals = read(root, card)
        assert not refusals
        assert [facts(one) for one in samples] == [
            {"effusion": "uncertain", "No Finding": "uncertain", "mass": "absent"},
            {"No Finding": "present", "effusion": "absent", "mass": "absent"},
            {"effusion": "uncertain", "No Finding": "uncertain"},
            {"effusion": "present", "mass": "present"},
            {"No Finding": "uncertain", "effusion": "absent", "mass": "absent"},
        ]
        assert [one.complete_labels for one in samples] == [
            (), (), (), ("effusion", "mass", "No Finding") if exhaustive else (), (),
        ]  # fmt: skip
    assert samples[0].labels[2].pointer == "t.csv#row=1,column=a"


def test_a_cell_for_nothing_found_denies_what_the_other_cells_leave_blank(tree, make_card, read):
    table = "file,effusion,mass,No Finding\na.png,,0,1\nb.png,-1,,1\nc.png,1,,1\nd.png,1,,0\ne.png,,,\n"
    root = tree_of(tree, table, *(f"{name}.png" for name in "abcde"))
    params = {"one_hot": ["effusion", "mass", "No Finding"], "nothing": ["No Finding"]}
    samples, _ = read(root, card_of(make_card, params))
    assert [(facts(one), one.complete_labels) for one in samples] == [
        ({"mass": "absent", "No Finding": "present"}, ("effusion",)),
        ({"effusion": "uncertain", "No Finding": "present"}, ("mass",)),
        ({"effusion": "present", "No Finding": "uncertain"}, ()),
        ({"effusion": "present", "No Finding": "absent"}, ()),
        ({}, ()),
    ]
    samples, _ = read(root, card_of(make_card, params, labels={**LABELS, "No Finding": None}))
    assert (facts(samples[0]), samples[0].complete_labels) == ({"mass": "absent"}, ("effusion",))


def test_pictures_are_found_by_suffix_and_by_search(tree, make_card, read):
    root = tree({
        "t.csv": "id,a\n1,mass\n2,mass\n3,mass\n", "x/001/1.jpg": None, "x/002/2.png": None, "x/003/2.jpg": None,
        "x/004/2.png": None,
    })  # fmt: skip
    params = {"picture": "{id}", "suffixes": [".jpg", ".png"], "search": "x", "columns": ["a"]}
    samples, refusals = read(root, card_of(make_card, params))
    assert [one.key for one in samples] == ["x/001/1.jpg", "x/003/2.jpg"]
    assert [one.reason for one in refusals] == ["missing_file"]
    params["suffixes"] = [".png"]
    _, refusals = read(root, card_of(make_card, params))
    assert [one.reason for one in refusals] == ["missing_file", "ambiguous_file", "missing_file"]
    _, refusals = read(root, card_of(make_card, {**params, "search": "nowhere"}))
    assert [(one.unit, one.reason) for one in refusals] == [("nowhere", "missing_folder")]


def test_of_several_files_of_one_name_the_path_says_which(tree, make_card, read):
    root = tree({"t.csv": "id,a\np1/1,mass\np2/1,mass\np9/1,mass\n", "x/p1/1.png": None, "x/p2/1.png": None})
    params = {"picture": "images/{id}.png", "columns": ["a"]}
    for search in ("", ".", "./x/"):
        samples, refusals = read(root, card_of(make_card, {**params, "search": search}))
        assert [one.key for one in samples] == ["x/p1/1.png", "x/p2/1.png"]
        assert [(one.unit, one.reason) for one in refusals] == [("t.csv#row=2", "ambiguous_file")]


def test_split_by_column_and_by_table(tree, make_card, read):
    root = tree({"t.csv": "file,a,s\na.png,mass,tr\nb.png,mass,odd\n", "u.csv": "file,a,s\nc.png,mass,te\n"} | {
        f"images/{name}.png": None for name in "abc"
    })  # fmt: skip
    params = {"columns": ["a"], "tables": ["t.csv", "u.csv"]}
    by_column = {"column": "s", "values": {"tr": "train", "te": "test"}}
    samples, refusals = read(root, card_of(make_card, params, split=by_column))
    assert [one.split for one in samples] == ["train", "test"]
    assert [(one.unit, one.reason) for one in refusals] == [("images/b.png", "unknown_split")]
    by_table = {"files": {"t.csv": "train", "u.csv": "test"}}
    samples, refusals = read(root, card_of(make_card, params, split=by_table))
    assert ([one.split for one in samples], refusals) == (["train", "train", "test"], [])


def test_days_count_from_the_patients_own_first(tree, make_card, read):
    table = "file,a,p,d\na.png,mass,x,5\nb.png,mass,y,9\nc.png,mass,x,-2\nd.png,mass,y,\n"
    root = tree_of(tree, table, "a.png", "b.png", "c.png", "d.png")
    params = {"columns": ["a"], "facts": {"visit": {"column": "d"}}}
    samples, _ = read(root, card_of(make_card, params, patient={"column": "p"}))
    assert [one.visit and one.visit.day for one in samples] == [7.0, 0.0, 0.0, None]


def test_rows_of_another_kind_are_left_out_on_the_cards_word(tree, make_card, read):
    root = tree_of(tree, "file,a,m\na.png,mass,X-ray\nb.png,mass,CT\n", "a.png", "b.png")
    samples, refusals = read(root, card_of(make_card, {"columns": ["a"], "only": {"m": ["X-ray"]}}))
    assert ([one.key for one in samples], refusals) == (["images/a.png"], [])


def test_a_card_that_leaves_out_every_row_is_told_what_the_column_holds(tree, make_card, read):
    root = tree_of(tree, "file,a,m\na.png,mass,X-ray\nb.png,mass,CT\n", "a.png", "b.png")
    samples, refusals = read(root, card_of(make_card, {"columns": ["a"], "only": {"m": ["Xray"]}}))
    assert (samples, [(one.unit, one.reason, one.detail) for one in refusals]) == ([], [
        ("t.csv", "none_wanted", "`only` leaves out all 2 rows: 'm' holds ['CT', 'X-ray'], wanted are ['Xray']"),
    ])  # fmt: skip


def test_tables_that_can_not_be_used(tree, make_card, read):
    root = tree({"t.csv": "file,a\na.png,mass\n", "images/a.png": None})
    params = {"tables": ["t.csv", "gone.csv"], "columns": ["a"]}
    samples, refusals = read(root, card_of(make_card, params))
    assert ([one.key for one in samples], [(one.unit, one.reason) for one in refusals]) == (
        ["images/a.png"], [("gone.csv", "missing_file")],
    )  # fmt: skip
    for other in ({"columns": ["b"]}, {"columns": ["a"], "picture": "{x}"}, {"columns": ["a"], "key": "{x}"}):
        samples, refusals = read(root, card_of(make_card, other))
        assert (samples, [one.reason for one in refusals]) == ([], ["missing_column"])


@pytest.mark.parametrize(
    ("params", "exhaustive", "gives"),
    [
        ({"columns": ["a"]}, False, {"labels"}),
        ({"columns": ["a"]}, True, {"labels", "absent_labels"}),
        ({"one_hot": ["a"]}, False, {"labels", "absent_labels"}),
        ({"columns": ["a"], "facts": {"texts": {"report": "r"}}}, False, {"labels", "texts"}),
    ],
)
def test_gives(make_card, params, exhaustive, gives):
    card = card_of(make_card, params, exhaustive={"labels": exhaustive})
    assert load_converter("csv_labels").gives(card) == gives
