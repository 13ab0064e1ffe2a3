"""The drawing of the flow map: properties of any graph, and the shapes of small ones."""

from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from flowdeck.dashboard.flow.boxes import label_of, size_of
from flowdeck.dashboard.flow.facts import PROCESSOR, TYPE, Node
from flowdeck.dashboard.flow.layout import layered
from flowdeck.dashboard.flow.place import Box, Layout

NAMES = [f"n{number}" for number in range(24)]
SIZES = st.tuples(st.integers(40, 200), st.integers(20, 60))
GRAPHS = st.tuples(
    st.dictionaries(st.sampled_from(NAMES), SIZES, min_size=1),
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=60),
)


def drawn(*links: tuple[str, str]) -> Layout:
    return layered({name: (100, 40) for link in links for name in link}, links)


def apart(one: Box, other: Box) -> bool:
    return (
        one.right <= other.x
        or other.right <= one.x
        or one.y + one.height <= other.y
        or other.y + other.height <= one.y
    )


@settings(max_examples=40, deadline=None)
@given(GRAPHS)
def test_no_two_boxes_overlap_and_all_are_inside(graph) -> None:  # type: ignore[no-untyped-def]
    sizes, links = graph
    layout = layered(sizes, links)
    boxes = list(layout.boxes.items())
    assert set(layout.boxes) == set(sizes)
    for place, (name, one) in enumerate(boxes):
        assert (one.width, one.height) == sizes[name]
        assert one.x >= 0
        assert one.y >= 0
        assert one.right <= layout.width
        assert one.y + one.height <= layout.height
        assert all(apart(one, other) for _, other in boxes[place + 1 :])


@settings(max_examples=40, deadline=None)
@given(GRAPHS)
def test_links_lead_right_unless_they_lead_back(graph) -> None:  # type: ignore[no-untyped-def]
    sizes, links = graph
    known = {(a, b) for a, b in links if a in sizes and b in sizes}
    layout = layered(sizes, links, known)
    assert set(layout.paths) == known
    assert set(layout.labels) <= known
    for source, target in known - layout.back:
        assert layout.boxes[source].right < layout.boxes[target].x


@settings(max_examples=40, deadline=None)
@given(GRAPHS)
def test_without_cycles_nothing_leads_back(graph) -> None:  # type: ignore[no-untyped-def]
    sizes, links = graph
    acyclic = [(a, b) for a, b in links if NAMES.index(a) < NAMES.index(b)]
    assert layered(sizes, acyclic).back == frozenset()


@settings(max_examples=40, deadline=None)
@given(GRAPHS)
def test_the_same_graph_gives_the_same_drawing(graph) -> None:  # type: ignore[no-untyped-def]
    sizes, links = graph
    again = dict(reversed(list(sizes.items())))
    assert layered(sizes, links) == layered(again, reversed(links))


def test_a_chain_is_straight() -> None:
    layout = drawn(("a", "b"), ("b", "c"), ("c", "d"))
    assert [layout.boxes[name].layer for name in "abcd"] == [0, 1, 2, 3]
    assert len({box.y for box in layout.boxes.values()}) == 1


def test_a_fork_is_even_about_what_it_comes_from() -> None:
    layout = drawn(("a", "b"), ("a", "c"))
    a, b, c = (layout.boxes[name] for name in "abc")
    assert abs((b.middle + c.middle) / 2 - a.middle) < 1


def test_lines_that_need_not_cross_do_not() -> None:
    layout = drawn(("a", "z"), ("b", "y"), ("c", "x"))
    y = {name: box.y for name, box in layout.boxes.items()}
    assert (y["a"] < y["b"]) == (y["z"] < y["y"])
    assert (y["b"] < y["c"]) == (y["y"] < y["x"])


def test_a_cycle_is_cut_where_it_comes_round() -> None:
    layout = drawn(("start", "a"), ("a", "b"), ("b", "c"), ("c", "a"))
    assert layout.back == {("c", "a")}
    assert layout.boxes["start"].layer == 0


def test_of_the_ways_to_cut_a_cycle_it_takes_that_with_few_links_back() -> None:
    joined = [("shop", "order"), ("order", "pay"), ("order", "stock"), ("order", "join")]
    answers = [("pay", "paid"), ("stock", "kept"), ("stock", "gone")]
    heard = [("paid", "join"), ("kept", "join"), ("gone", "join"), ("join", "cancelled")]
    undone = [("cancelled", "pay"), ("cancelled", "stock")]
    layout = drawn(*joined, *answers, *heard, *undone)
    assert layout.back == set(undone)


def test_sixty_nodes_take_little_work() -> None:
    names = [f"node{number}" for number in range(60)]
    links = [
        (names[i], names[j])
        for i in range(60)
        for j in (i + 1, i + 3, i * 7 % 59)
        if j < 60 and i < j
    ]
    started = time.process_time()  # this process's own, however busy the machine is
    layered(dict.fromkeys(names, (140, 44)), links)
    assert time.process_time() - started < 1


def test_nothing_is_drawn_of_nothing() -> None:
    assert layered({}, [("a", "b")]) == Layout()


@settings(max_examples=40, deadline=None)
@given(GRAPHS)
def test_no_label_meets_another_or_a_box(graph) -> None:  # type: ignore[no-untyped-def]
    sizes, links = graph
    layout = layered(sizes, links, links)
    wide, high = 44, 14  # of a rate, in pixels
    labels = [
        Box(0, x - wide / 2, y - high / 2, wide, high)
        for link, (x, y) in layout.labels.items()
        if link not in layout.back
    ]
    for place, one in enumerate(labels):
        assert all(apart(one, other) for other in labels[place + 1 :])
        assert all(apart(one, box) for box in layout.boxes.values())


def test_a_link_without_a_label_needs_no_room_for_one() -> None:
    sizes = dict.fromkeys("abc", (100, 40))
    plain = layered(sizes, [("a", "b"), ("b", "c")])
    told = layered(sizes, [("a", "b"), ("b", "c")], {("a", "b")})
    assert set(told.labels) == {("a", "b")}
    assert told.boxes["b"].x > plain.boxes["b"].x
    assert plain.labels == {}


def test_a_long_name_of_a_type_is_broken_between_its_words() -> None:
    def label(name: str, kind: str = TYPE) -> tuple[str, str]:
        return label_of(Node(kind, name))

    assert label("ReservationRequested") == ("Reservation", "Requested")
    assert label("OrderLineItemAdded") == ("OrderLine", "ItemAdded")
    assert label("shop.orders.created") == ("shop.orders.", "created")
    assert label("Shipped") == ("Shipped", "")
    assert label("deliverywithoutcapitals") == ("deliverywithoutcapitals", "")
    assert label("ReservationRequested", PROCESSOR) == ("ReservationRequested", "")
    assert size_of(Node(TYPE, "ReservationRequested")) < size_of(Node(TYPE, "Reservationrequested"))
