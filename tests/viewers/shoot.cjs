// A page's picture once its title says what became of it: node shoot.cjs NODE_MODULES CHROMIUM URL PNG SECONDS
const [modules, chromium, url, png, seconds] = process.argv.slice(2);
const puppeteer = require(`${modules}/puppeteer-core`);
const args = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"];
(async () => {
  const browser = await puppeteer.launch({ executablePath: chromium, args, headless: true });
  try {
    const page = await browser.newPage();
    const said = [];
    page.on("console", (message) => said.push(message.text()));
    page.on("pageerror", (error) => said.push(String(error)));
    await page.setViewport({ width: 400, height: 400 });
    await page.goto(url, { waitUntil: "domcontentloaded" });
    const waited = page.waitForFunction('document.title === "shown" || document.title.startsWith("failed")', {
      timeout: 1000 * Number(seconds),
    });
    const title = await waited.then(() => page.title(), () => "failed: no picture in time");
    await page.screenshot({ path: png });
    console.log(JSON.stringify({ title, said: said.filter((line) => /error|fail|version/i.test(line)).slice(0, 3) }));
  } finally {
    await browser.close();
  }
})();
