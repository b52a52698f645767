// Prints the report of Khronos's validator on a GLB: node validate.cjs NODE_MODULES FILE
const fs = require("fs");
const validator = require(process.argv[2] + "/gltf-validator");
validator
  .validateBytes(new Uint8Array(fs.readFileSync(process.argv[3])))
  .then((report) => console.log(JSON.stringify(report.issues)));
