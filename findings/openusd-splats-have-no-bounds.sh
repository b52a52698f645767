#!/bin/sh
# OpenUSD 26.11 (usd-core from PyPI): a Gaussian splat prim has no bounds until somebody writes `extent`.
#
# Guess: UsdGeom.BBoxCache finds the box of a ParticleField3DGaussianSplat from its positions and scales, as it does
# for UsdGeom.Points with points and widths: both are Boundable.
# Seen: the box of Points covers points and half widths; the box of the splats with the same positions is EMPTY, no
# extent can be computed (no function is registered for the type), a scene of both has the box of the Points alone, and
# none of the validators that come along mentions it. A viewer that frames what it loads looks past the object.
# Also: the schema's default for the degree of the spherical harmonics is 3, so a writer of plain colours (one
# coefficient a splat) must say 0, or a reader takes 16 splats' colours for one splat's.
#
# Needs python3 with venv. Exit 0 while this holds, 1 once it changes.
set -eu
place=$(mktemp -d)
trap 'rm -rf "$place"' EXIT
python3 -m venv "$place/venv"
"$place/venv/bin/pip" install --quiet --disable-pip-version-check usd-core==26.11
"$place/venv/bin/python" - <<'PYTHON'
import sys

from pxr import Gf, Usd, UsdGeom, UsdValidation, UsdVol

PLACES = [Gf.Vec3f(1, 0, 0), Gf.Vec3f(-1, 0.5, 0)]
stage = Usd.Stage.CreateInMemory()
UsdGeom.SetStageUpAxis(stage, "Y")
UsdGeom.SetStageMetersPerUnit(stage, 1.0)
world = UsdGeom.Xform.Define(stage, "/World")
stage.SetDefaultPrim(world.GetPrim())
points = UsdGeom.Points.Define(stage, "/World/points")
points.CreatePointsAttr(PLACES)
points.CreateWidthsAttr([0.1, 0.1])
splats = UsdVol.ParticleField3DGaussianSplat.Define(stage, "/World/splats").GetPrim()
for name, value in {
    "positions": PLACES,
    "scales": [Gf.Vec3f(0.1)] * 2,
    "opacities": [0.9, 0.9],
    "orientations": [Gf.Quatf(1, 0, 0, 0)] * 2,
    "radiance:sphericalHarmonicsCoefficients": [Gf.Vec3f(1, 0, 0)] * 2,
}.items():
    splats.GetAttribute(name).Set(value)

boxes = UsdGeom.BBoxCache(Usd.TimeCode.Default(), ["default"])
of_points = boxes.ComputeWorldBound(points.GetPrim()).ComputeAlignedRange()
of_splats = boxes.ComputeWorldBound(splats).ComputeAlignedRange()
of_world = boxes.ComputeWorldBound(world.GetPrim()).ComputeAlignedRange()
computed = UsdGeom.Boundable.ComputeExtentFromPlugins(UsdGeom.Boundable(splats), Usd.TimeCode.Default())
validators = UsdValidation.ValidationRegistry().GetOrLoadAllValidators()
complaints = [error.GetMessage() for error in UsdValidation.ValidationContext(validators).Validate(stage)]
degree = splats.GetAttribute("radiance:sphericalHarmonicsDegree").Get()

print("OpenUSD", Usd.GetVersion(), "splats are Boundable:", splats.IsA(UsdGeom.Boundable))
print("box of the points:", of_points)
print("box of the splats:", "empty" if of_splats.IsEmpty() else of_splats, "extent computed:", computed)
print("box of both:      ", of_world)
print(len(validators), "validators say:", complaints or "nothing")
print("degree of the spherical harmonics, nobody having set it:", degree)
same = (
    not of_points.IsEmpty() and of_splats.IsEmpty() and of_world == of_points and computed is None
    and not complaints and degree == 3
)
sys.exit(not same)
PYTHON
