"""What /metrics tells about results and stages, beside BentoML's own counters."""

from prometheus_client import Counter, Gauge, Histogram

from runners.life.metrics import reserve_room

reserve_room()
RESULTS = Counter("fast_3d_miner_results", "Answers of both paths.", ["status"])
REJECTIONS = Counter(
    "fast_3d_miner_rejections",
    "Attempts that were not good enough, by the gate or score of validation, or the failure, that they met.",
    ["gate"],
)
SCORES = Histogram(
    "fast_3d_miner_scores",
    "Scores of attempts, each by its name: cosines, totals of 0 to 1, ratings of 1 to 10.",
    ["score"],
    buckets=(-0.2, *(tenths / 10 for tenths in range(-1, 10)), *map(float, range(1, 9))),
)
STAGE_SECONDS = Histogram(
    "fast_3d_miner_stage_seconds",
    "From handing a job to a stage until its result, waiting included.",
    ["stage"],
    buckets=(0.01, 0.03, 0.1, 0.3, 0.5, 1.0, 2.0, 3.0, 5.0, 8.0, 13.0, 20.0, 30.0),
)
CLOSED_CONNECTIONS = Counter(
    "fast_3d_miner_closed_connections",
    "Connections cut because their client kept them waiting: idle, head, body, answer, or too many.",
    ["reason"],
)
IN_WORK = Gauge("fast_3d_miner_in_work", "Requests in work.", multiprocess_mode="livesum")
