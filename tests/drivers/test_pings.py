"""Whether the page can be heard: found from pings and answers alone."""

from __future__ import annotations

from vergence_widgets.pings import SILENT_SECONDS, Pings


def test_an_answer_gives_the_latency():
    pings = Pings()
    assert pings.latency is None
    ident = pings.ask(10.0)
    pings.heard(10.25, ident)
    assert pings.latency == 0.25
    pings.heard(11.0)
    assert pings.latency == 0.25, "something else that is heard is no answer to a ping"
    pings.heard(12.0, ident)
    assert pings.latency == 0.25, "an answer counts once"


def test_silence_begins_with_the_first_ping_that_was_followed_by_nothing():
    pings = Pings()
    pings.heard(1.0)
    assert pings.silent_since(1000.0) is None, "nobody asked"
    for second in range(2, 6):
        pings.ask(float(second))
    assert pings.silent_since(2.0 + SILENT_SECONDS) is None
    assert pings.silent_since(2.1 + SILENT_SECONDS) == 2.0
    pings.heard(5.5)
    assert pings.silent_since(1000.0) is None, "whatever was heard, it was heard"
    pings.ask(6.0)
    assert pings.silent_since(9.0) == 6.0


def test_a_page_that_never_answers_is_silent_however_often_it_is_asked():
    pings = Pings()
    for second in range(100):
        pings.ask(float(second))
    assert pings.silent_since(100.0) == 0.0
    assert not pings.heard_since(0.0)
