"""What a model process says of itself."""

from pydantic import Field

from runners.jobs import Message


class GpuMemory(Message):
    """Bytes of the GPU that one process's allocator holds, now and at most; its context comes on top."""

    allocated: int
    reserved: int
    peak_allocated: int
    peak_reserved: int


class Status(Message):
    """Which process answers, and what it holds.

    Attributes:
        process: Its number.
        device: cpu or cuda.
        weights: Bytes of the GPU that each stage's weights take.
        load_seconds: What loading them took.
        memory: Of the whole process; None without a GPU.
    """

    process: int
    device: str
    weights: dict[str, int] = Field(default_factory=dict)
    load_seconds: dict[str, float] = Field(default_factory=dict)
    memory: GpuMemory | None = None
