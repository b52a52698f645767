"""Every kind of object that the embedded family knows, in a fixed order."""

from training.objects import (
    kinds_animals,
    kinds_arms,
    kinds_buildings,
    kinds_figures,
    kinds_food,
    kinds_furniture,
    kinds_household,
    kinds_nature,
    kinds_transport,
    kinds_treasures,
    kinds_vehicles,
    kinds_vessels,
)
from training.objects.kind import Kind

KINDS: tuple[Kind, ...] = (
    *kinds_furniture.KINDS,
    *kinds_household.KINDS,
    *kinds_vessels.KINDS,
    *kinds_vehicles.KINDS,
    *kinds_transport.KINDS,
    *kinds_buildings.KINDS,
    *kinds_nature.KINDS,
    *kinds_animals.KINDS,
    *kinds_figures.KINDS,
    *kinds_arms.KINDS,
    *kinds_treasures.KINDS,
    *kinds_food.KINDS,
)
MAX_PARTS = 8
