"""Cards: what they print."""

import re

import pytest

import kzoo


def test_a_card_prints_as_a_table_of_its_fields():
    lines = str(kzoo.get_card("mobilenet_v2_035")).splitlines()
    assert lines[0] == "mobilenet_v2_035"
    rows = [line.split(maxsplit=1) for line in lines[1:]]
    assert ["input", "224 x 224 pixels, at least 32"] in rows
    assert ["scaling", "tf"] in rows
    assert ["parameters", "410,208"] in rows
    assert ["weights", "imagenet"] in rows
    assert not {"constructor", "scripts", "inside"} & {row[0] for row in rows}
    assert repr(kzoo.get_card("mobilenet_v2_035")) == "\n".join(lines)


def test_a_card_is_a_table_in_a_notebook():
    html = kzoo.get_card("mobilenet_v2_035")._repr_html_()
    assert "<p><b>mobilenet_v2_035</b></p><table>" in html
    assert re.search(r"<td[^>]*>parameters</td><td[^>]*>410,208</td>", html)


@pytest.mark.parametrize(
    ("name", "size"),
    [
        ("ngrams", "at most 4,096 tokens, at least 4"),
        ("keyword_cnn", "at most 160,000 samples, at least 1,600"),
    ],
)
def test_the_input_is_in_the_unit_of_the_modality(name, size):
    assert f"input       {size}\n" in str(kzoo.get_card(name))


def test_a_card_of_ones_own_names_its_constructor():
    card = kzoo.BackboneSpec("mine", "package.module.make", size=64, min_size=32, multiple=8)
    assert "input        64 x 64 pixels, at least 32, a multiple of 8\n" in str(card)
    assert "constructor  package.module.make\n" in str(card)
    assert "weights      own\n" in str(card)
