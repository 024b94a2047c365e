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

function showModel(model) {
  for (const entry of model.classes) names.set(entry.id, entry.name);
  document.title = `${model.name} - vision-ft`;
  $("name").textContent = model.name;
  $("version").textContent = `version ${model.version}, created ${model.created.slice(0, 10)}, answers on ${model.device}`;
  const facts = [
    ["Task", model.task],
    ["Input", `${model.input.width} x ${model.input.height} px, ${model.input.placement}`],
    ["Decision", ruleInWords(model.decision)],
    ["Basis", model.decision.basis],
    ["Trained on", `${model.data.images} images of ${model.data.parts} parts`],
    ["Calibration", model.calibration.fitted_on === "none" ? "none" : `temperature ${model.calibration.temperature.toFixed(2)}, fitted on ${model.calibration.images} ${model.calibration.fitted_on} images`],
    ["Weights", `${model.weights.backbone}, ${model.weights.source}, licence ${model.weights.licence}`],
    ["Heatmap", model.heatmap || "available"],
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

function showAnswer(answer, file) {
  $("decision").textContent = answer.decision;
  $("decision").dataset.decision = answer.decision;
  $("label").textContent = `${answer.name}, ${percent(answer.probability)}`;
  $("reasons").replaceChildren(...answer.reasons.map((reason) => element("li", reason)));
  const picture = $("picture");
  if (picture.src.startsWith("blob:")) URL.revokeObjectURL(picture.src);
  picture.src = answer.heatmap ? `data:image/png;base64,${answer.heatmap}` : URL.createObjectURL(file);
  $("caption").textContent = answer.heatmap ? `${file.name}, ${answer.width} x ${answer.height} px; bright where the evidence for the label lies` : answer.heatmap_missing || file.name;
  const rows = Object.entries(answer.probabilities).sort((a, b) => b[1] - a[1]).slice(0, 12).map(([label, value]) => {
    const row = document.createElement("tr");
    const meter = document.createElement("progress");
    meter.value = value;
    const bar = document.createElement("td");
    bar.append(meter);
    row.append(element("td", names.get(label) || label), bar, element("td", percent(value)));
    return row;
  });
  $("probabilities").tBodies[0].replaceChildren(...rows);
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
