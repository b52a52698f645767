"""The command line that the trainings on the geometry data set share."""

import argparse

from command_line.arguments import at_least_one, device_name, positive, user_path


def trainer_arguments(description: str, *, minutes: float, batch: int) -> argparse.ArgumentParser:
    """A parser with where to read and write, how long and how wide; scripts add what is theirs.

    Args:
        description: The script's docstring, shown as it is.
        minutes: Default time budget.
        batch: Default number of objects a step.
    """
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=user_path, required=True, help="folder of training.objects.dataset")
    parser.add_argument("--out", type=user_path, required=True)
    parser.add_argument("--minutes", type=positive, default=minutes)
    parser.add_argument("--batch", type=at_least_one, default=batch)
    parser.add_argument("--max-steps", type=at_least_one, help="end after so many steps instead")
    parser.add_argument("--device", type=device_name, default="cuda")
    return parser
