"""Short tables as text and as HTML."""

import pytest

from kzoo.core.tables import Table


def test_text_is_aligned_numbers_to_the_right():
    table = Table(("name", "n"), [("a", 5), ("long", 12345)], title="Title", notes=("note",))
    assert str(table) == "Title\nname       n\na          5\nlong  12,345\nnote"


@pytest.mark.parametrize(
    ("cell", "text"),
    [(None, ""), (0.5, "0.500"), (0.0, "0.000"), (0.00012345, "0.000123"), (1234567, "1,234,567"), (True, "True")],
)
def test_cells(cell, text):
    assert str(Table(("x",), [(cell,)])).split("\n")[1] == text


def test_no_rows_leave_the_header():
    assert str(Table(("a", "b"), [])) == "a  b"


def test_html_escapes_what_users_wrote():
    html = Table(("<a>",), [("<script>",)], title="<t>", notes=("<n>",))._repr_html_()
    assert "<script>" not in html
    assert all(part in html for part in ("&lt;a&gt;", "&lt;script&gt;", "&lt;t&gt;", "&lt;n&gt;"))


def test_an_empty_cell_does_not_turn_numbers_into_words():
    assert str(Table(("n",), [(None,), (10,), (5,)])).splitlines()[2:] == ["10", " 5"]


@pytest.mark.parametrize(
    ("cells", "side"),
    [
        ((0.5, 12), "right"),
        (("1.5 s", "10.2 s"), "right"),
        (("3.2 M", None), "right"),
        (("12%", "-3%", "nan"), "right"),
        ((float("nan"), 1.0), "right"),
        (("0_ann_1.wav", "1_ben_2.wav"), "left"),
        (("224x224x3", "1x1"), "left"),
        (("[0.1, 0.2]",), "left"),
        (("cat", "7"), "left"),
    ],
)
def test_text_is_flush_left_and_numbers_flush_right_in_html_too(cells, side):
    table = Table(("a",), [(cell,) for cell in cells])
    assert table._repr_html_().count(f"text-align: {side}") == len(cells) + 1
    widest = max(map(len, str(table).splitlines()))
    flush = [line == line.rjust(widest) for line in str(table).splitlines()]
    assert all(flush) == (side == "right")


def test_wide_characters_take_two_columns():
    assert str(Table(("a", "n"), [("房间", 1), ("room", 2)])).splitlines() == ["a     n", "房间  1", "room  2"]


def test_a_long_table_folds_to_its_largest_rows():
    rows = [(f"class {number}", number % 50) for number in range(100)]
    folded = Table(("label", "train"), [*rows, ("all", 2450)], notes=("before",)).folded(
        by="train", every="plan.splits", noun="labels", totals=1
    )
    assert [row[0] for row in folded.rows] == ["class 47", "class 48", "class 49", "class 98", "class 99", "all"]
    assert folded.notes == ("before", "The 5 largest of 100 labels; 95 are not shown. All: plan.splits")


def test_a_short_table_is_not_folded():
    table = Table(("label", "train"), [(str(number), number) for number in range(20)])
    assert table.folded(by="train", every="plan.splits", noun="labels") is table


def test_a_folded_table_keeps_the_images_of_its_rows():
    rows = [(f"row {number}", number) for number in range(30)]
    table = Table(("name", "examples"), rows, image=lambda row: bytes([row]))
    folded = table.folded(by="examples", every="all", noun="rows")
    assert [folded.image(row) for row in range(5)] == [bytes([row]) for row in range(25, 30)]
    assert folded._repr_html_().count("<img") == 5
    assert "<img" not in str(folded)
