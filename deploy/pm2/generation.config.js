// The generation service under pm2, as the subnet's miners run it: `pm2 start deploy/pm2/generation.config.js`.
// PORT and every MINER__ variable of the shell that starts it hold; MINER_BENTOML names another `bentoml` than .venv's,
// MINER_SERVICE another service.
const path = require("path");

const root = path.resolve(__dirname, "..", "..");

module.exports = {
  apps: [
    {
      name: "generation",
      cwd: root,
      script: process.env.MINER_BENTOML || path.join(root, ".venv", "bin", "bentoml"),
      interpreter: "none",
      args: ["serve", process.env.MINER_SERVICE || "service:Miner", "--port", process.env.PORT || "8093"],
      // Above the longest deadline (video_deadline_seconds, 120 s) and the time BentoML and the runners add to it:
      // pm2's own 1.6 s would close the connections of every request in work.
      kill_timeout: 160000,
      // A start that fails is tried again after 1 s, then later each time, up to 15 s, and for ever.
      exp_backoff_restart_delay: 1000,
      max_restarts: 1000000,
      env: { BENTOML_DO_NOT_TRACK: "True", PYTHONUNBUFFERED: "1" },
      time: true,
    },
  ],
};
