"""What weights have seen, as a value."""

import hashlib
import json

import pytest

from kzoo.specs.records.seen import CHOSEN, NEW, TRAINED, UNLABELLED, Seen, recall, remember

A, B, C, D = (hashlib.sha256(letter.encode()).hexdigest() for letter in "abcd")


def test_the_side_of_an_example_is_the_most_that_is_known_of_it():
    seen = Seen.of(trained=[A], chosen=[A, B], unlabelled=[A, B, C])
    assert seen.sides([A, B, C, D]).tolist() == [TRAINED, CHOSEN, UNLABELLED, NEW]
    assert Seen().sides([A]).tolist() == [NEW]
    assert Seen().sides([]).tolist() == []


def test_a_union_keeps_what_either_has_seen():
    both = Seen.of(trained=[A], unlabelled=[C]) | Seen.of(trained=[B], chosen=[C])
    assert both.sides([A, B, C, D]).tolist() == [TRAINED, TRAINED, CHOSEN, NEW]
    assert len(both) == 3


def test_it_survives_json():
    seen = Seen.of(trained=[A, D], chosen=[B], unlabelled=[C])
    found = Seen.restore(json.loads(json.dumps(seen.as_plain())))
    assert found == seen
    assert found != Seen.of(trained=[A])
    assert found.sides([D, C]).tolist() == [TRAINED, UNLABELLED]


def test_what_an_older_kzoo_wrote_counts_as_trained_on():
    assert Seen.restore([A[:16], B[:16]]).sides([A, B, C]).tolist() == [TRAINED, TRAINED, NEW]
    assert len(Seen.restore(None)) == 0


class _Layer:
    """Stands for a Keras layer."""


def test_layers_are_known_by_identity():
    one, other, third = _Layer(), _Layer(), _Layer()
    remember([one], Seen.of(trained=[A]))
    remember([other], Seen.of(chosen=[B]))
    assert recall([one, other, third]) == Seen.of(trained=[A], chosen=[B])
    assert recall([third]) == Seen()


@pytest.mark.parametrize("values", [{"trained": "?"}, {"other": ""}, {"trained": 3}, [3], "x", {"trained": "AAAA"}])
def test_what_is_neither_is_refused(values):
    with pytest.raises(ValueError, match="must be a dict of base64 strings"):
        Seen.restore(values)
