"""BentoML's batcher, kept from holding requests back for what it once saw.

BentoML waits before it releases a batch that is not full, as long as the jobs of its last 50 batches waited
on average: after a burst a lone job would be held for seconds, for dozens of requests. Its training, the
first dozen calls of each process, holds as long as it guesses that three jobs take. What it learns is for
bursts of tiny jobs; ours take longer than any sensible wait, and gather while the last batch is in work.
"""

from bentoml._internal.marshal import dispatcher

WINDOW_SECONDS = 0.01  # a lone job is never held longer
NO_SECONDS = (
    1e-6  # all that the batcher may know of a job's share in a batch's time: more makes training hold
)


class PromptOptimizer(dispatcher.Optimizer):
    """What the batcher learns, within bounds: all time is the batch's own, a wait at most the window."""

    wait: float  # type: ignore[assignment]

    def __init__(self, max_latency: float) -> None:
        super().__init__(max_latency)
        self._keep_prompt()

    def trigger_refresh(self) -> None:
        """Learns from the last batches."""
        super().trigger_refresh()  # type: ignore[no-untyped-call]
        self._keep_prompt()

    def _keep_prompt(self) -> None:
        self.o_a, self.o_b = NO_SECONDS, self.o_a + self.o_b
        self.wait = min(self.wait, WINDOW_SECONDS)


def keep_batchers_prompt() -> None:
    """Has every batcher that is made from now on use `PromptOptimizer`.

    Raises:
        AttributeError: This BentoML has no such part, so the cure must be looked at again.
    """
    if not issubclass(dispatcher.Optimizer, PromptOptimizer):
        dispatcher.Optimizer = PromptOptimizer  # type: ignore[misc]
