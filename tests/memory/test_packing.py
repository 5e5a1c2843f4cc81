"""Where blocks lie in an arena, by hand."""

from costmodel.pricing.memory.packing import best_fit
from costmodel.pricing.memory.plan import Block


def blocks(*lives):
    return [Block("", *life) for life in lives]


def test_blocks_that_live_together_lie_behind_one_another():
    assert best_fit(blocks((10, 0, 2), (20, 0, 1), (5, 1, 2))) == [0, 10, 30]


def test_a_block_takes_the_smallest_gap_that_holds_it_and_the_lower_of_two():
    held = [(10, 0, 0), (1, 0, 9), (6, 0, 0), (1, 0, 9), (6, 0, 0), (1, 0, 9)]  # gaps of 10, 6 and 6 at moment 1
    assert best_fit(blocks(*held, (5, 1, 9)))[-1] == 11
    assert best_fit(blocks(*held, (7, 1, 9)))[-1] == 0
    assert best_fit(blocks(*held, (11, 1, 9)))[-1] == 25


def test_a_block_goes_behind_the_last_that_is_there_though_the_arena_was_larger_once():
    assert best_fit(blocks((4, 0, 9), (9, 0, 0), (2, 1, 1))) == [0, 4, 4]


def test_sizes_are_rounded_up_and_nothing_takes_no_room():
    assert best_fit(blocks((1, 0, 1), (0, 0, 1), (257, 0, 1), (1, 0, 1)), align=256) == [0, 0, 256, 768]
