"""What the options of the shell become."""

import pytest

import kzoo
from kzoo.cli.options import build_parser


def parsed(*arguments):
    return build_parser().parse_args(["adapt", "resnet50", "flowers/", *arguments])


@pytest.mark.parametrize(
    ("text", "size"), [("0.2", 0.2), ("200", 200), ("0", 0), ("ann,bob", ["ann", "bob"]), ("speaker 1", ["speaker 1"])]
)
@pytest.mark.parametrize("split", ["validation", "test"])
def test_sizes_of_splits(split, text, size):
    found = getattr(parsed(f"--{split}", text), split)
    assert found == size
    assert type(found) is type(size)


def test_a_head_is_given_by_its_keys():
    assert parsed("--head", "hidden=256, dropout=0.3,pooling=max").head == kzoo.Head("max", hidden=256, dropout=0.3)
    assert parsed().head is None


@pytest.mark.parametrize(
    ("text", "message"),
    [("hiden=3", "a head has no option 'hiden'"), ("dropout=2", "dropout must be in")],
)
def test_a_head_that_cannot_be_is_a_usage_error(capsys, text, message):
    with pytest.raises(SystemExit) as left:
        parsed("--head", text)
    assert left.value.code == 2
    assert message in capsys.readouterr().err


def test_several_labels_and_a_seed_of_the_split():
    found = parsed("--label", "cat", "--label", "dog", "--split-seed", "3", "--size", "64")
    assert (found.label, found.split_seed, found.seed, found.size) == (["cat", "dog"], 3, 0, 64)


def test_models_with_a_plus_between_them_are_a_fusion(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine+new.keras").write_bytes(b"")
    fusion = kzoo.Fusion(["kzoo_nano_image", "row_mlp"])
    parse = build_parser().parse_args
    assert parse(["adapt", "kzoo_nano_image+row_mlp", "t.csv"]).model == fusion
    assert parse(["rank", "t.csv", "--model", "kzoo_nano_image+row_mlp"]).model == [fusion]
    assert parse(["plan", "mine+new.keras", "t.csv"]).model == "mine+new.keras"
    assert parse(["plan", "resnet50", "t.csv"]).model == "resnet50"
