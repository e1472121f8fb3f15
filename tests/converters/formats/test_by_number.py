from hypothesis import given
from hypothesis import strategies as st

from medloom.converters.formats.by_number import by_number


def test_numbers_count_as_such():
    names = ["f10.png", "f9.png", "f09.png", "f2_10.png", "f2_9.png", "10.png", "a.png", "2.png"]
    assert sorted(names, key=by_number) == [
        "2.png", "10.png", "a.png", "f2_9.png", "f2_10.png", "f09.png", "f9.png", "f10.png",
    ]  # fmt: skip


@given(st.lists(st.text(alphabet="ab0129²٣/.")))
def test_any_names_have_one_order(names):
    turned = names[::-1]
    assert sorted(names, key=by_number) == sorted(turned, key=by_number)
