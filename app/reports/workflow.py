"""What may become of a report, as one table: from which state, to which, by whom, and what must be said with it. Pure.

The states are those that the running systems of Vietnamese provinces show (tiếp nhận, chuyển xử lý, trả kết quả, công khai ...).
A report is its events; its state is where the last move led, and what a report has lived through (bounces, pauses, time in each
state, lateness) is counted from them, never kept beside them.

**State and outcome are two things**: `resolved` says that the agency has answered, the `Outcome` says what with. "Not ours" and
"no budget" are answers, too, and a citizen who reads "closed" under a lamp that is still dark must see which.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from app.errors import Text


class State(StrEnum):
    submitted = "submitted"
    need_info = "need_info"
    rejected = "rejected"
    accepted = "accepted"
    assigned = "assigned"
    returned = "returned"
    processing = "processing"
    extended = "extended"
    resolved = "resolved"
    approved = "approved"
    published = "published"
    reopened = "reopened"
    closed = "closed"


class Actor(StrEnum):
    """Who moves a report. `system`: time, a routing rule."""

    citizen = "citizen"
    moderator = "moderator"  # of the centre (bộ phận tiếp nhận của IOC)
    agency = "agency"  # that has it
    system = "system"


class Outcome(StrEnum):
    """What the agency did."""

    fixed = "fixed"
    partly = "partly"
    not_ours = "not_ours"
    duplicate = "duplicate"
    cannot_find = "cannot_find"
    no_budget = "no_budget"


class Rejection(StrEnum):
    """Why the centre does not take a report; `withdrawn`: it need not, for who sent it takes it back."""

    spam = "spam"
    duplicate = "duplicate"
    out_of_scope = "out_of_scope"
    not_verifiable = "not_verifiable"
    defamatory = "defamatory"
    withdrawn = "withdrawn"


class Need(StrEnum):
    """What must come with a move."""

    reason = "reason"  # in words
    rejection = "rejection"  # one of `Rejection`, which is why
    agency = "agency"  # who is to act
    deadline = "deadline"  # the new one
    reply = "reply"  # to the citizen, in words
    outcome = "outcome"  # one of `Outcome`


LABELS: dict[State, Text] = {
    State.submitted: Text("Mới tiếp nhận", "Submitted"),
    State.need_info: Text("Yêu cầu bổ sung thông tin", "More information needed"),
    State.rejected: Text("Không tiếp nhận", "Not accepted"),
    State.accepted: Text("Đã tiếp nhận", "Accepted"),
    State.assigned: Text("Đã chuyển xử lý", "Assigned"),
    State.returned: Text("Chuyển trả", "Returned by the agency"),
    State.processing: Text("Đang xử lý", "In progress"),
    State.extended: Text("Gia hạn", "Extended"),
    State.resolved: Text("Đã xử lý", "Answered by the agency"),
    State.approved: Text("Đã duyệt kết quả", "Answer approved"),
    State.published: Text("Đã công khai", "Published"),
    State.reopened: Text("Mở lại", "Reopened"),
    State.closed: Text("Đóng", "Closed"),
}

# Where which clock runs. In every other state both stand: while the citizen is asked, and after the answer.
INTAKE_RUNS = frozenset({State.submitted})
HANDLING_RUNS = frozenset(
    {State.accepted, State.assigned, State.returned, State.processing, State.extended, State.reopened}
)
WAITS = INTAKE_RUNS | HANDLING_RUNS | {State.need_info}  # for an answer
ENDS = frozenset({State.rejected, State.closed})
OPEN = WAITS | {
    State.resolved,
    State.approved,
}  # the centre, too, has something to do: to look at the answer, or to publish it
# The answer has been looked at: the citizen may judge it.
RATED = frozenset({State.approved, State.published, State.closed})
# Where somebody waits for the citizen or for the centre: what the clock had left is left when it goes on.
_PAUSES = frozenset({State.need_info, State.resolved})


@dataclass(frozen=True, slots=True)
class Move:
    """One allowed step."""

    source: State
    target: State
    by: frozenset[Actor]
    needs: frozenset[Need]


# from; to; by whom; what must come with it
_TABLE = (
    # Intake: is it a report, and whose? Who was asked for more answers to where it was asked.
    ("submitted assigned processing extended", "need_info", "moderator", "reason"),
    ("need_info", "submitted assigned processing extended", "citizen moderator", ""),
    ("submitted need_info accepted", "rejected", "citizen moderator", "rejection"),
    ("returned", "rejected", "moderator", "rejection"),
    ("submitted need_info", "accepted", "moderator system", ""),
    ("accepted returned reopened assigned processing", "assigned", "moderator system", "agency"),
    # Handling.
    ("assigned processing extended", "returned", "agency", "reason"),
    ("assigned reopened", "processing", "agency", ""),
    ("assigned processing extended", "extended", "moderator", "reason deadline"),
    ("assigned processing extended", "resolved", "agency", "reply outcome"),
    # The centre looks at the answer before the public does, and may take back what the public should not have seen.
    ("resolved", "processing", "moderator", "reason"),
    ("resolved", "approved", "moderator", ""),
    ("approved", "published", "moderator", ""),
    ("published", "approved", "moderator", "reason"),
    ("approved published", "reopened", "citizen moderator", "reason"),
    ("approved published", "closed", "citizen moderator system", ""),
)
MOVES: dict[tuple[State, State], Move] = {
    (State(source), State(target)): Move(
        State(source), State(target), frozenset(map(Actor, by.split())), frozenset(map(Need, needs.split()))
    )
    for sources, targets, by, needs in _TABLE
    for source in sources.split()
    for target in targets.split()
}


def resumes(step: Move) -> bool:
    """Whether a clock that stood still goes on with the step, and does not begin anew."""
    return step.source in _PAUSES and step.target in INTAKE_RUNS | HANDLING_RUNS


class Stage(StrEnum):
    """How far a report is, for who may know no more than that there is one."""

    received = "received"
    in_hand = "in_hand"
    answered = "answered"


def stage(state: State) -> Stage:
    if state in INTAKE_RUNS | {State.need_info}:
        return Stage.received
    return Stage.in_hand if state in HANDLING_RUNS else Stage.answered


def moves_from(state: State, actor: Actor) -> list[Move]:
    """What somebody may do with a report in a state, in the order of the states."""
    return [move for target in State if (move := MOVES.get((state, target))) is not None and actor in move.by]


# --- what a report has lived through ---


@dataclass(frozen=True, slots=True)
class Moved:
    """A move that was made."""

    to: State
    at: datetime


def bounces(events: Sequence[Moved]) -> int:
    """How many times an agency sent it back as not its own."""
    return sum(event.to is State.returned for event in events)


def rounds(events: Sequence[Moved]) -> int:
    """How many times it was worked on: once, and once more after each reopening."""
    return 1 + sum(event.to is State.reopened for event in events)


def time_in_states(events: Sequence[Moved], now: datetime) -> dict[State, timedelta]:
    """How long it was in each state, by the clock on the wall; the events in their order. In an end no time passes."""
    spent: dict[State, timedelta] = {}
    for event, end in zip(events, [*(later.at for later in events[1:]), now], strict=True):
        if event.to not in ENDS:
            spent[event.to] = spent.get(event.to, timedelta()) + max(end - event.at, timedelta())
    return spent
