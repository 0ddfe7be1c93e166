"""Which groups patterns choose, and how far each group is from the head."""

import pytest

from kzoo.specs.group_patterns import depths_of
from kzoo.specs.phases import Phase

GROUPS = ("stem", "stage1", "stage2", "stage3", "head")


@pytest.mark.parametrize(
    ("train", "groups"),
    [
        ("head", {"head"}),
        ("stage3", {"stage3"}),
        ("stage*", {"stage1", "stage2", "stage3"}),
        ("stage[12]", {"stage1", "stage2"}),
        ("*", set(GROUPS)),
        ("last:0", {"head"}),
        ("last:1", {"stage3", "head"}),
        ("last:2", {"stage2", "stage3", "head"}),
        ("last:4", set(GROUPS)),
        ("upto:2", {"stage2", "stage3", "head"}),
        ("upto:99", set(GROUPS)),
        (["head", "stem"], {"stem", "head"}),
        (("stage*", "stage3"), {"stage1", "stage2", "stage3"}),
    ],
)
def test_patterns_choose_groups_in_their_order(train, groups):
    assert Phase(train).groups(GROUPS) == tuple(name for name in GROUPS if name in groups)


def test_more_stages_than_there_are_is_an_error_that_names_the_groups():
    with pytest.raises(ValueError, match=r"'last:5' of train needs 5 stages. There are 4. The groups are: stem,"):
        Phase("last:5").groups(GROUPS)


MEMBERS = ("a/stem", "a/stage1", "b/stem", "b/stage1", "b/stage2", "head")


def test_the_highest_stages_of_a_fusion_are_those_of_each_member():
    assert Phase("last:2").groups(MEMBERS) == ("a/stem", "a/stage1", "b/stage1", "b/stage2", "head")
    assert Phase("upto:3").groups(MEMBERS) == MEMBERS
    with pytest.raises(ValueError, match=r"needs 3 stages of 'a'. There are 2"):
        Phase("last:3").groups(MEMBERS)


def test_depth_is_the_distance_to_the_head_within_a_member():
    assert depths_of(MEMBERS) == {"a/stem": 2, "a/stage1": 1, "b/stem": 3, "b/stage1": 2, "b/stage2": 1, "head": 0}
    assert depths_of(GROUPS) == {"stem": 4, "stage1": 3, "stage2": 2, "stage3": 1, "head": 0}


@pytest.mark.parametrize("train", ["stage9", "last:x", "last:", "Head", ("head", "tail")])
def test_a_pattern_that_matches_nothing_names_the_groups(train):
    with pytest.raises(ValueError, match=r"matches no group. The groups are: stem, stage1, stage2, stage3, head"):
        Phase(train).groups(GROUPS)
