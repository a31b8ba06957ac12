"""Passages: nothing is lost, none is too long, each knows where it stands."""

import re
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from domain.knowledge.chunking import MAX_CHARS, passages
from domain.knowledge.model import Block

_WORD = st.text(st.characters(categories=["L", "N"]), min_size=1, max_size=30)
_TEXT = st.lists(_WORD, min_size=1, max_size=120).map(" ".join) | st.lists(_WORD, min_size=1, max_size=60).map(
    "\n".join
)
_BLOCK = st.builds(
    Block, text=_TEXT, headings=st.sampled_from([(), ("A",), ("A", "B"), ("C",)]), page=st.none() | st.integers(1, 9)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(_BLOCK, min_size=1, max_size=8))
def test_nothing_is_lost_and_sizes_are_kept(blocks: list[Block]) -> None:
    drafts = passages(blocks)
    assert [draft.ordinal for draft in drafts] == list(range(len(drafts)))
    assert all(0 < len(draft.text) <= MAX_CHARS for draft in drafts)
    together = " ".join(draft.text for draft in drafts).split()
    position = 0
    for word in " ".join(block.text for block in blocks).split():
        # in order; an overlap repeats words, so the search may start a little back
        position = together.index(word, max(0, position - 60))
    assert {draft.heading for draft in drafts} == {" › ".join(block.headings) or None for block in blocks}


def test_sections_are_not_mixed_and_short_ones_stay_whole() -> None:
    drafts = passages(
        [
            Block("Within 30 days.", ("Returns", "Time"), 1),
            Block("Unworn.", ("Returns", "Time"), 2),
            Block("Free in stores.", ("Returns", "Price"), 2),
        ]
    )
    assert [(draft.heading, draft.page, draft.text) for draft in drafts] == [
        ("Returns › Time", 1, "Within 30 days.\n\nUnworn."),
        ("Returns › Price", 2, "Free in stores."),
    ]


SENTENCE = "Courier number {} brings the parcel to the door between nine and six o'clock. "


def test_a_long_paragraph_is_cut_at_sentences_with_an_overlap() -> None:
    drafts = passages([Block("".join(SENTENCE.format(number) for number in range(100, 140)).strip())])
    assert len(drafts) > 2
    assert all(draft.text.startswith("Courier") and draft.text.endswith("o'clock.") for draft in drafts)
    sentences = [set(re.findall(r"number \d+", draft.text)) for draft in drafts]
    assert all(left & right for left, right in pairwise(sentences))


def test_a_section_over_pages_is_cut_between_paragraphs_and_each_part_knows_its_page() -> None:
    pages = [Block(SENTENCE.format(page) * 12, ("Couriers",), page) for page in (1, 2, 3)]
    assert [(draft.heading, draft.page) for draft in passages(pages)] == [("Couriers", page) for page in (1, 2, 3)]


def test_the_language_is_of_each_passage() -> None:
    drafts = passages([Block("Вернуть товар можно за 30 дней.", ("А",)), Block("You have 30 days.", ("B",))])
    assert [draft.language for draft in drafts] == ["ru", "en"]
