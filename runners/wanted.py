"""Work that somebody still waits for.

A job names the reservation of its request (see `runners.handover`); the gateway removes that file when the
request ends, also when its client leaves or its time is over. So a runner can tell, before work and between
steps, whether anybody waits.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from models.stopping import steps_checked
from runners.handover import GIVEN_UP, AbandonedError
from runners.jobs import Job, Result

J = TypeVar("J", bound=Job)
R = TypeVar("R", bound=Result)


def is_wanted(job: Job) -> bool:
    """Whether the job's request still waits; one without a reservation always does."""
    return job.reservation is None or os.path.exists(job.reservation)


@contextmanager
def working_for(jobs: Sequence[Job]) -> Iterator[None]:
    """Around work for some jobs at once; it ends at the next step after the last of them was given up.

    Raises:
        AbandonedError: Nobody waits any more.
    """

    def check() -> None:
        if not any(is_wanted(job) for job in jobs):
            raise AbandonedError(GIVEN_UP)

    with steps_checked(check):
        yield


def each_alone(jobs: Sequence[J], make: Callable[[J], R]) -> list[R | Exception]:
    """Results of jobs made one after the other; one that is given up, or fails, leaves the others alone."""
    return [_alone(job, make) for job in jobs]


def _alone(job: J, make: Callable[[J], R]) -> R | Exception:
    try:
        with working_for([job]):
            if not is_wanted(job):
                raise AbandonedError(GIVEN_UP)
            return make(job)
    except Exception as error:  # an item of a batch: whoever asked tells which it was
        return error
