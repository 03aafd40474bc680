// Makes client-support.csv of the data of caniemail.com, as the npm package `caniemail` has them (MIT, see LICENSE): the
// constructs whose lack is seen, and the mail programs that lack them in the newest version that was tested.
//
//   npm pack caniemail && tar xf caniemail-*.tgz && node make.mjs package/data/caniemail.json > client-support.csv
import { readFileSync } from "node:fs";

// How a construct is found in an email, and the name of the feature.
const CONSTRUCTS = [
  ["declaration", "display:flex", "css-display-flex"],
  ["declaration", "display:inline-flex", "css-display-flex"],
  ["declaration", "display:grid", "css-display-grid"],
  ["declaration", "position:", "css-position"],
  ["declaration", "background-image:", "css-background-image"],
  ["declaration", "gap:", "css-gap"],
  ["declaration", "transform:", "css-transform"],
  ["declaration", "animation:", "css-animation"],
  ["declaration", "filter:", "css-filter"],
  ["declaration", "clip-path:", "css-clip-path"],
  ["declaration", "mask-image:", "css-mask-image"],
  ["declaration", "object-fit:", "css-object-fit"],
  ["declaration", "column-count:", "css-column-count"],
  ["declaration", "writing-mode:", "css-writing-mode"],
  ["declaration", "mix-blend-mode:", "css-mix-blend-mode"],
  ["function", "linear-gradient(", "css-linear-gradient"],
  ["function", "radial-gradient(", "css-radial-gradient"],
  ["function", "conic-gradient(", "css-conic-gradient"],
  ["function", "clamp(", "css-function-clamp"],
  ["function", "calc(", "css-unit-calc"],
  ["function", "var(", "css-variables"],
  ["function", "light-dark(", "css-function-light-dark"],
  ["unit", "vh", "css-unit-vh"],
  ["unit", "vw", "css-unit-vw"],
  ["rule", "@font-face", "css-at-font-face"],
  ["rule", "@import", "css-at-import"],
  ["element", "video", "html-video"],
  ["element", "audio", "html-audio"],
  ["element", "svg", "html-svg"],
  ["element", "map", "html-image-maps"],
  ["element", "dialog", "html-dialog"],
  ["element", "marquee", "html-marquee"],
  ["element", "meter", "html-meter"],
  ["element", "progress", "html-progress"],
  ["image", ".webp", "image-webp"],
  ["image", ".avif", "image-avif"],
  ["image", ".svg", "image-svg"],
];

const CLIENTS = [
  ["gmail", "desktop-webmail", "Gmail"],
  ["gmail", "android", "Gmail (Android)"],
  ["outlook", "windows", "Outlook (Windows)"],
  ["outlook", "outlook-com", "Outlook.com"],
  ["apple-mail", "ios", "Apple Mail (iPhone)"],
  ["yahoo", "desktop-webmail", "Yahoo"],
  ["mail-ru", "desktop-webmail", "Mail.ru"],
  ["samsung-email", "android", "Samsung Email"],
  ["thunderbird", "macos", "Thunderbird"],
];

const { data, last_update_date: date } = JSON.parse(readFileSync(process.argv[2], "utf8"));
console.log(`# caniemail.com, ${date.slice(0, 10)}; MIT; made by make.mjs`);
for (const [kind, sign, slug] of CONSTRUCTS) {
  const feature = data.find((one) => one.slug === slug);
  if (!feature) throw new Error(`there is no feature ${slug}`);
  const lacking = CLIENTS.filter(([family, platform]) => {
    const tested = Object.entries(feature.stats[family]?.[platform] ?? {});
    return tested.length > 0 && tested.at(-1)[1].startsWith("n");
  });
  if (lacking.length > 0) console.log([kind, sign, lacking.map((client) => client[2]).join("; ")].join(","));
}
