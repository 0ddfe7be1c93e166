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
