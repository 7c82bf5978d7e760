// Beside each file of dist/ its gzip and brotli forms, where they save something, and the budget:
// what the first view loads of scripts stays below 150 KiB compressed.
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const dist = new URL("../dist", import.meta.url).pathname;
const budget = 150 * 1024;

function walk(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? walk(path) : [path];
  });
}

const sizes = new Map();
for (const path of walk(dist).filter((name) => /\.(html|js|css|svg)$/.test(name))) {
  const plain = readFileSync(path);
  const gzip = gzipSync(plain, { level: 9 });
  const brotli = brotliCompressSync(plain, {
    params: {
      [constants.BROTLI_PARAM_QUALITY]: 11,
      [constants.BROTLI_PARAM_SIZE_HINT]: plain.length,
    },
  });
  // A header costs as much as a few hundred bytes saved.
  const worth = gzip.length + 200 < plain.length;
  if (worth) {
    writeFileSync(`${path}.gz`, gzip);
    writeFileSync(`${path}.br`, brotli);
  }
  sizes.set(path.slice(dist.length + 1), worth ? gzip.length : plain.length);
}

// Scripts a page names itself (module and its preloads); screens loaded later are not among them.
for (const page of ["index.html", "portal.html"]) {
  const html = readFileSync(join(dist, page), "utf8");
  const scripts = [...html.matchAll(/(?:src|href)="\/(assets\/[^"]+\.js)"/g)].map((m) => m[1]);
  const sum = scripts.reduce((total, name) => total + (sizes.get(name) ?? 0), 0);
  console.log(`${page}: ${scripts.length} scripts, ${(sum / 1024).toFixed(1)} KiB with gzip`);
  if (scripts.length === 0 || sum > budget) {
    console.error(`${page}: the first view's scripts must be there and below ${budget} bytes`);
    process.exit(1);
  }
}
