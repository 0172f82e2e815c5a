// place.cjs <from> <to>: renames a freshly installed file into the cache. The rename replaces in one step, so builds
// that run at the same time never see half a file; where the file is in use (Windows) the one already there stands.
const fs = require("fs");
const path = require("path");

const [from, to] = process.argv.slice(2);
fs.mkdirSync(path.dirname(to), { recursive: true });
try {
  fs.utimesSync(from, new Date(), new Date());
  fs.renameSync(from, to);
} catch (error) {
  if (!fs.existsSync(to)) throw error;
}
