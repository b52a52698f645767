"""What an operator is told when weights cannot be fetched."""


class DownloadError(Exception):
    """A download cannot go on; the message says why and what to do."""


class NoNetworkError(DownloadError):
    """A host cannot be reached."""
