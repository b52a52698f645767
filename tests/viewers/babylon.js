// Bundled by esbuild: Babylon.js with its glTF loader, a right-handed scene, the camera before the object's front.
import { ArcRotateCamera, Color4, Engine, HemisphericLight, Scene, SceneLoader, Vector3 } from "@babylonjs/core";
import "@babylonjs/loaders/glTF";

export async function show(canvas, file) {
  const engine = new Engine(canvas, true, { preserveDrawingBuffer: true });
  const scene = new Scene(engine);
  scene.useRightHandedSystem = true;
  scene.clearColor = new Color4(1, 1, 1, 1);
  new HemisphericLight("light", new Vector3(0, 1, 0), scene);
  const camera = new ArcRotateCamera("camera", Math.PI / 2, Math.PI / 2, 2.5, Vector3.Zero(), scene);
  camera.fov = (49.1 * Math.PI) / 180;
  camera.minZ = 0.01;
  await SceneLoader.AppendAsync("", file, scene);
  engine.runRenderLoop(() => scene.render());
}
