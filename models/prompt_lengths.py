"""How much of a prompt a text encoder reads: what is longer is cut without a word."""


def cut(name: str, tokens: int, limit: int) -> list[str]:
    """`name;read=32;of=113` if an encoder that takes `limit` tokens does not read all; else nothing.

    Args:
        name: Of the encoder.
        tokens: Of the whole prompt, marks of its beginning and end included.
        limit: What the encoder takes of such.
    """
    return [f"{name};read={limit};of={tokens}"] if tokens > limit else []


def cuts_of(model: object, *prompt_and_limits: object) -> list[str]:
    """What a model's `cuts` says of a prompt; a model without it reads every prompt to its end."""
    tell = getattr(model, "cuts", None)
    return [] if tell is None else list(tell(*prompt_and_limits))
