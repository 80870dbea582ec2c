"""The life of a report: what may become of it, and through whom."""

from datetime import datetime, timedelta
from itertools import pairwise

import pytest

from app.reports.workflow import (
    ENDS,
    HANDLING_RUNS,
    INTAKE_RUNS,
    LABELS,
    MOVES,
    Actor,
    Moved,
    Need,
    State,
    bounces,
    moves_from,
    resumes,
    rounds,
    stage,
    time_in_states,
)

S, A = State, Actor


@pytest.mark.parametrize(
    ("state", "actor", "targets"),
    [
        (S.submitted, A.moderator, [S.need_info, S.rejected, S.accepted]),
        (S.submitted, A.citizen, [S.rejected]),  # taken back
        (S.submitted, A.agency, []),
        (S.need_info, A.citizen, [S.submitted, S.rejected, S.assigned, S.processing, S.extended]),
        (S.accepted, A.citizen, [S.rejected]),
        (S.assigned, A.citizen, []),
        (S.returned, A.citizen, []),
        (S.accepted, A.moderator, [S.rejected, S.assigned]),
        (S.accepted, A.system, [S.assigned]),
        (S.assigned, A.agency, [S.returned, S.processing, S.resolved]),
        (S.returned, A.moderator, [S.rejected, S.assigned]),
        (S.returned, A.agency, []),
        (S.processing, A.agency, [S.returned, S.resolved]),
        (S.processing, A.moderator, [S.need_info, S.assigned, S.extended]),
        (S.extended, A.agency, [S.returned, S.resolved]),
        (S.resolved, A.moderator, [S.processing, S.approved]),
        (S.resolved, A.agency, []),  # nobody approves an answer of their own
        (S.approved, A.moderator, [S.published, S.reopened, S.closed]),
        (S.published, A.citizen, [S.reopened, S.closed]),
        (S.published, A.moderator, [S.approved, S.reopened, S.closed]),
        (S.approved, A.system, [S.closed]),
        (S.published, A.system, [S.closed]),
        (S.reopened, A.agency, [S.processing]),
        (S.rejected, A.moderator, []),
        (S.closed, A.citizen, []),
    ],
)
def test_who_may_do_what(state: State, actor: Actor, targets: list[State]) -> None:
    assert [move.target for move in moves_from(state, actor)] == targets


@pytest.mark.parametrize(
    ("target", "needs"),
    [
        (S.need_info, {Need.reason}),
        (S.rejected, {Need.rejection}),
        (S.assigned, {Need.agency}),
        (S.returned, {Need.reason}),
        (S.extended, {Need.reason, Need.deadline}),
        (S.resolved, {Need.reply, Need.outcome}),
        (S.reopened, {Need.reason}),
        (S.closed, set()),
    ],
)
def test_what_must_be_said_with_a_move(target: State, needs: set[Need]) -> None:
    moves = [move for move in MOVES.values() if move.target is target and move.source is not S.need_info]
    assert {move.needs for move in moves} == {frozenset(needs)}


def test_every_state_is_reached_and_left_or_an_end() -> None:
    assert {move.target for move in MOVES.values()} == set(State)
    assert {move.source for move in MOVES.values()} == set(State) - ENDS
    assert set(LABELS) == set(State)


def test_a_clock_runs_where_somebody_must_act_and_only_one() -> None:
    waiting_for_nobody = {S.need_info, S.resolved, S.approved, S.published} | ENDS
    assert not INTAKE_RUNS & HANDLING_RUNS
    assert INTAKE_RUNS | HANDLING_RUNS | waiting_for_nobody == set(State)


def test_a_clock_goes_on_where_it_stood_and_only_there() -> None:
    assert {(move.source, move.target) for move in MOVES.values() if resumes(move)} == {
        (S.need_info, S.submitted), (S.need_info, S.accepted), (S.need_info, S.assigned), (S.need_info, S.processing),
        (S.need_info, S.extended), (S.resolved, S.processing),
    }  # fmt: skip


def test_who_may_know_no_more_knows_how_far_it_is() -> None:
    assert {state: stage(state) for state in State} == {
        S.submitted: "received", S.need_info: "received", S.accepted: "in_hand", S.assigned: "in_hand",
        S.returned: "in_hand", S.processing: "in_hand", S.extended: "in_hand", S.reopened: "in_hand",
        S.resolved: "answered", S.approved: "answered", S.published: "answered", S.closed: "answered",
        S.rejected: "answered",
    }  # fmt: skip


def test_what_a_report_has_lived_through_is_counted_from_its_events() -> None:
    start = datetime(2026, 11, 16, 8)
    lived = [
        S.submitted, S.accepted, S.assigned, S.returned, S.assigned, S.processing, S.resolved, S.approved, S.published,
        S.reopened, S.assigned, S.returned, S.assigned, S.resolved, S.approved, S.closed,
    ]  # fmt: skip
    events = [Moved(state, start + timedelta(hours=hour)) for hour, state in enumerate(lived)]

    assert all((before.to, after.to) in MOVES for before, after in pairwise(events))
    assert (bounces(events), rounds(events)) == (2, 2)
    spent = time_in_states(events, start + timedelta(days=30))
    assert spent[S.assigned] == timedelta(hours=4)
    assert S.closed not in spent
    assert sum(spent.values(), timedelta()) == events[-1].at - start
