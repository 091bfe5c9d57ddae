"""When the page is asked whether it hears, and when it is waited for."""

from __future__ import annotations

import pytest

from vergence_widgets.pings import Confirmations, Pings


def test_a_page_that_confirms_is_not_pinged_but_now_and_then():
    pings, asked = Pings(), []
    for now in range(1, 61):
        if pings.due(now):
            asked.append(now)
            pings.heard(now + 0.1, pings.ask(now))
        if now % 5 == 0:
            pings.expect(now)
            pings.heard(now + 0.3)
    assert asked == [1, 16, 31, 46]
    assert pings.latency == pytest.approx(0.1)
    assert pings.silent_since(60.0) is None


def test_a_frame_that_is_not_confirmed_makes_it_ask_and_then_say_so():
    pings = Pings()
    pings.heard(10.0, pings.ask(10.0))
    pings.expect(11.0)
    assert not pings.due(11.5)
    assert pings.due(12.1)
    pings.ask(12.1)
    assert not pings.due(12.9)
    assert pings.due(13.2)
    assert pings.silent_since(13.4) is None
    assert pings.silent_since(13.6) == 11.0
    pings.heard(14.0)
    assert pings.silent_since(20.0) is None


def test_nothing_to_confirm_is_asked_after_a_while():
    pings = Pings()
    pings.heard(10.1, pings.ask(10.0))
    assert not pings.due(16.0)
    assert pings.due(16.2)


def test_a_frame_in_so_many_seconds_asks_and_one_more_may_follow():
    flow = Confirmations()
    assert flow.ask(1, 100.0, key=False)
    assert not flow.behind(1)
    assert flow.behind(2)
    flow.shown(1, 20.0, 100.5)
    assert not flow.behind(2)
    assert not flow.ask(3, 104.0, key=False)
    assert not flow.behind(3)
    assert flow.ask(4, 104.6, key=False)
    assert flow.ask(5, 104.7, key=True)
    assert flow.behind(5)
    flow.shown(4, 20.0, 104.8)
    assert not flow.behind(5)
    assert flow.behind(6)


def test_where_every_frame_asks_two_may_be_under_way():
    flow = Confirmations(every=0.0)
    behind = [flow.ask(seq, 0.0, key=False) and flow.behind(seq) for seq in (1, 2)]
    assert behind == [False, True]


def test_how_long_the_page_paints_is_learned_and_bounded():
    flow = Confirmations()
    for seq in range(30):
        flow.shown(seq, 250.0, 0.0)
    assert flow.paint == pytest.approx(0.25, rel=1e-3)
    for seq in range(60):
        flow.shown(30 + seq, 1e9 if seq % 2 else -5.0, 0.0)
    assert 0 <= flow.paint <= 1
