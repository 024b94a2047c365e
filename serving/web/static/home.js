"use strict";

const $ = (id) => document.getElementById(id);

/** A new element with text, which is never read as markup. */
function element(tag, text, className) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

/** Class names by id, once the model is known. */
const names = new Map();

const percent = (value) => `${(100 * value).toFixed(1)} %`;

function ruleInWords(rule) {
  const words = [];
  if (rule.pass_below !== null && rule.reject_from !== null) {
    words.push(`pass below a defect score of ${rule.pass_below.toFixed(3)}, reject from ${rule.reject_from.toFixed(3)}, review between`);
  } else {
    words.push("the most probable class decides");
    if (rule.abstain_below !== null) words.push(`review below a probability of ${rule.abstain_below.toFixed(3)}`);
  }
  if (rule.distance_limit !== null) words.push(`review beyond a distance of ${rule.distance_limit.toFixed(3)} to the training images`);
  return words.join("; ");
}

/** Which pictures can be asked for; the reason where there are none. */
function picturesInWords(model) {
  const kinds = [["overlay", model.overlay], ["png", model.heatmap], ["mask", model.mask]];
  const there = kinds.filter(([, reason]) => !reason).map(([kind]) => `heatmap=${kind}`);
  return there.join(", ") || `none: ${model.overlay}`;
}

function inputInWords(stage) {
  const { width, height, placement, tile } = stage.input;
  return tile ? `tiles of ${tile.size} px at ${width} x ${height} px` : `${width} x ${height} px, ${placement}`;
}

function calibrationInWords({ calibration }) {
  if (calibration.fitted_on === "none") return "none";
  return `temperature ${calibration.temperature.toFixed(2)}, fitted on ${calibration.images} ${calibration.fitted_on} images`;
}

function showModel(model) {
  for (const entry of model.classes) names.set(entry.id, entry.name);
  document.title = `${model.name} - vision-ft`;
  $("name").textContent = model.name;
  $("version").textContent = `version ${model.version}, created ${model.created.slice(0, 10)}, answers on ${model.device}`;
  const stages = model.stages || [model];
  const each = (inWords) => stages.map(inWords).join("; then ");
  const facts = [
    ["Task", each((stage) => stage.task)],
    ["Input", each(inputInWords)],
    ["Decision", ruleInWords(model.decision)],
    ["Basis", model.decision.basis],
    ["Trained on", `${model.data.images} images of ${model.data.parts} parts`],
    ["Calibration", each(calibrationInWords)],
    ["Weights", each(({ weights }) => `${weights.backbone}, ${weights.source}, licence ${weights.licence}`)],
    ["Pictures", picturesInWords(model)],
  ];
  for (const [term, text] of facts) {
    if (text) $("facts").append(element("dt", term), element("dd", text));
  }
  for (const entry of model.classes) {
    const chip = element("li", entry.name || entry.id, entry.good ? "good" : "");
    chip.title = entry.good ? "a good part" : entry.id;
    $("classes").append(chip);
  }
  for (const finding of model.findings) $("findings").append(element("li", finding));
  $("findings-block").hidden = model.findings.length === 0;
}

function showProbabilities(probabilities) {
  $("probabilities").hidden = !probabilities;
  const rows = Object.entries(probabilities || {}).sort((a, b) => b[1] - a[1]).slice(0, 12).map(([label, value]) => {
    const row = document.createElement("tr");
    const meter = document.createElement("progress");
    meter.value = value;
    const bar = document.createElement("td");
    bar.append(meter);
    row.append(element("td", names.get(label) || label), bar, element("td", percent(value)));
    return row;
  });
  $("probabilities").tBodies[0].replaceChildren(...rows);
}

const size = (px, unit, real, realUnit) => (real === undefined ? `${+px.toFixed(1)} ${unit}` : `${+real.toPrecision(3)} ${realUnit}`);

/** Columns of what was found: a title, the key that a row must have for it, and its text. */
const COLUMNS = [
  ["Class", "name", (one) => one.name],
  ["Score", "score", (one) => percent(one.score)],
  ["Found", "detection_score", (one) => percent(one.detection_score)],
  ["Named", "class_probability", (one) => percent(one.class_probability)],
  ["Peak", "peak", (one) => one.peak.toPrecision(3)],
  ["Area", "area_px", (one) => size(one.area_px, "px\u00b2", one.area_mm2, "mm\u00b2")],
  ["Length", "length_px", (one) => size(one.length_px, "px", one.length_mm, "mm")],
  ["At (px)", "box", ({ box }) => `${Math.round(box[0])}, ${Math.round(box[1])}`],
  ["Size (px)", "box", ({ box }) => `${Math.round(box[2] - box[0])} x ${Math.round(box[3] - box[1])}`],
];
const MOST_ROWS = 50;

/** Point at a box on the picture, given in pixels of the image. */
function pointAt([left, top, right, bottom], { width, height }) {
  const edges = { left: left / width, top: top / height, width: (right - left) / width, height: (bottom - top) / height };
  for (const [edge, share] of Object.entries(edges)) $("spot").style[edge] = `${100 * share}%`;
  $("spot").hidden = false;
}

function showFound(answer) {
  const found = answer.detections || answer.defects || answer.regions;
  $("found").hidden = !found;
  $("spot").hidden = true;
  if (!found) return;
  const words = [found.length ? `${found.length} found` : "Nothing found"];
  if (found.length > MOST_ROWS) words.push(`the first ${MOST_ROWS} are listed`);
  if (answer.shown_from !== undefined) words.push(`counted from a score of ${percent(answer.shown_from)}`);
  if (typeof answer.anomaly_score === "number") words.push(`score ${answer.anomaly_score.toPrecision(3)}, rejected from ${answer.anomaly_threshold.toPrecision(3)}`);
  $("found").caption.textContent = words.join("; ");
  const columns = COLUMNS.filter(([, key]) => found.some((one) => one[key] !== undefined));
  const head = document.createElement("tr");
  head.append(...columns.map(([title], number) => element("th", title, number ? "figure" : "")));
  $("found").tHead.replaceChildren(...(found.length ? [head] : []));
  const rows = found.slice(0, MOST_ROWS).map((one) => {
    const row = document.createElement("tr");
    row.tabIndex = 0;
    row.append(...columns.map(([, , text], number) => element("td", text(one), number ? "figure" : "")));
    for (const event of ["mouseenter", "focus"]) row.addEventListener(event, () => pointAt(one.box, answer));
    for (const event of ["mouseleave", "blur"]) row.addEventListener(event, () => { $("spot").hidden = true; });
    return row;
  });
  $("found").tBodies[0].replaceChildren(...rows);
}

/** The image as it was sent, and with the answer drawn on it where there is such a picture. */
const pictures = { plain: "", drawn: "" };

function showPicture() {
  $("picture").src = (pictures.drawn && $("drawn").checked) ? pictures.drawn : pictures.plain;
}

function showAnswer(answer, file) {
  $("decision").textContent = answer.decision;
  $("decision").dataset.decision = answer.decision;
  $("label").textContent = `${answer.name}, ${percent(answer.probability)}`;
  $("reasons").replaceChildren(...answer.reasons.map((reason) => element("li", reason)));
  if (pictures.plain) URL.revokeObjectURL(pictures.plain);
  pictures.plain = URL.createObjectURL(file);
  pictures.drawn = answer.heatmap ? `data:image/png;base64,${answer.heatmap}` : "";
  $("choice").hidden = !pictures.drawn;
  showPicture();
  const light = answer.probabilities ? "Bright where the evidence for the label lies." : answer.regions ? "Bright where it is unlike good parts." : "";
  $("caption").textContent = `${file.name}, ${answer.width} x ${answer.height} px. ${answer.heatmap_missing || light}`;
  showProbabilities(answer.probabilities);
  showFound(answer);
  const stages = Object.entries(answer.timings_ms).map(([stage, ms]) => `${stage} ${ms.toFixed(1)}`);
  $("timings").textContent = `Milliseconds: ${stages.join(", ")}. Request ${answer.request_id}.`;
  $("result").hidden = false;
  $("problem").hidden = true;
}

function showProblem(text) {
  $("problem").textContent = text;
  $("problem").hidden = false;
  $("result").hidden = true;
}

async function judge(file) {
  $("drop").querySelector("span").textContent = `Judging ${file.name} ...`;
  try {
    const response = await fetch("v1/predict?heatmap=overlay", {
      method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" },
    });
    const body = await response.json();
    if (response.ok) showAnswer(body, file);
    else showProblem(body.detail);
  } catch (error) {
    showProblem(`The service does not answer: ${error.message}`);
  }
  $("drop").querySelector("span").textContent = "Drop an image here, or click to choose one";
}

$("drawn").addEventListener("change", showPicture);
$("file").addEventListener("change", () => { if ($("file").files[0]) judge($("file").files[0]); $("file").value = ""; });
for (const name of ["dragover", "dragleave", "drop"]) {
  $("drop").addEventListener(name, (event) => {
    event.preventDefault();
    $("drop").classList.toggle("over", name === "dragover");
    if (name === "drop" && event.dataTransfer.files[0]) judge(event.dataTransfer.files[0]);
  });
}

const here = new URL(".", location.href).href;
$("curl").textContent = [
  `curl --data-binary @part.jpg -H 'Content-Type: image/jpeg' ${here}v1/predict`,
  `curl -F image=@part.jpg -F part=P-1042 -F slice=camera=2 ${here}v1/predict`,
  `curl -H 'Accept: image/png' -H 'Content-Type: image/jpeg' --data-binary @part.jpg -o evidence.png ${here}v1/predict`,
  `curl -F images=@a.jpg -F images=@b.jpg ${here}v1/predict/batch`,
].join("\n");

fetch("v1/model").then((response) => response.json()).then(showModel, (error) => showProblem(`The model cannot be read: ${error.message}`));
