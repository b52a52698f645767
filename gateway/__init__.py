"""The HTTP side of the service: forms, errors, admission, the order of the stages. No torch."""

VERSION = "0.2.0"
