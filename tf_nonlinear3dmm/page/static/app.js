// The page: keeps one face (its codes), asks the server for its mesh and pictures when a slider moves.
import { Viewer } from './viewer.js';

const $ = (id) => document.getElementById(id);
const viewer = new Viewer($('viewer'));
let model = null; // what the server told of the model
let face = null; // codes of the current face
let surface = 'lit';

function bytes(base64) { return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer; }

function say(text, isError = false) {
  $('status').textContent = text;
  $('status').classList.toggle('error', isError);
}

async function ask(path, options) {
  const response = await fetch(path, options);
  if (!response.ok) {
    const body = await response.json().catch(() => ({ detail: response.statusText }));
    throw new Error(body.detail ?? response.statusText);
  }
  return response;
}

const post = (path, body) => ask(path, {
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
});

function sliderValues() {
  const values = {};
  for (const input of $('sliders').querySelectorAll('input')) values[input.name] = Number(input.value);
  return values;
}

const query = () => ({ face, sliders: sliderValues(), surface });

// One request at a time; while it runs, only the newest wish is kept.
let running = false;
let again = false;
async function refresh() {
  if (!face) return;
  if (running) { again = true; return; }
  running = true;
  try {
    const started = performance.now();
    const drawn = await (await post('api/decode', query())).json();
    viewer.setVertices(new Float32Array(bytes(drawn.vertices)));
    viewer.setTexture(await picture(drawn.texture));
    $('overlay').src = drawn.overlay;
    document.body.dataset.milliseconds = Math.round(performance.now() - started);
    document.body.dataset.drawn = Number(document.body.dataset.drawn ?? 0) + 1;
  } catch (error) { say(error.message, true); }
  running = false;
  if (again) { again = false; refresh(); }
}

function picture(source) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = reject;
    image.src = source;
  });
}

function resetSliders() {
  for (const input of $('sliders').querySelectorAll('input')) {
    input.value = input.dataset.start;
    input.parentElement.querySelector('output').textContent = Number(input.value).toFixed(1);
  }
}

function show(result) {
  face = result.face;
  if (result.photo) $('photo').src = result.photo; else $('photo').removeAttribute('src');
  resetSliders();
  say(result.message);
  return refresh();
}

async function reconstruct(file) {
  say('Reconstructing…');
  const form = new FormData();
  form.append('photo', file);
  try { await show(await (await ask('api/photo', { method: 'POST', body: form })).json()); }
  catch (error) { say(error.message, true); }
}

async function sample(name) {
  try { await show(await (await post('api/sample', { name })).json()); }
  catch (error) { say(error.message, true); }
}

function buildSliders(groups) {
  for (const group of groups) {
    const title = document.createElement('h2');
    title.textContent = group.title;
    $('sliders').append(title);
    for (const { name, label, low, high, start } of group.sliders) {
      const row = document.createElement('label');
      row.className = 'slider';
      row.innerHTML = '<span></span><input type="range" step="any"><output></output>';
      row.querySelector('span').textContent = label;
      const input = row.querySelector('input');
      Object.assign(input, { name, min: low, max: high, value: start });
      input.dataset.start = start;
      const output = row.querySelector('output');
      output.textContent = start.toFixed(1);
      input.addEventListener('input', () => {
        output.textContent = Number(input.value).toFixed(1);
        refresh();
      });
      $('sliders').append(row);
    }
  }
}

$('file').addEventListener('change', (event) => {
  if (event.target.files[0]) reconstruct(event.target.files[0]);
  event.target.value = '';
});
$('drop').addEventListener('dragover', (event) => { event.preventDefault(); $('drop').classList.add('over'); });
$('drop').addEventListener('dragleave', () => $('drop').classList.remove('over'));
$('drop').addEventListener('drop', (event) => {
  event.preventDefault();
  $('drop').classList.remove('over');
  if (event.dataTransfer.files[0]) reconstruct(event.dataTransfer.files[0]);
});
$('opacity').addEventListener('input', (event) => { $('overlay').style.opacity = event.target.value; });
$('front').addEventListener('click', () => viewer.frontView());
$('reset').addEventListener('click', () => { resetSliders(); refresh(); });
$('mean').addEventListener('click', () => sample('mean'));
for (const radio of document.querySelectorAll('input[name=surface]')) {
  radio.addEventListener('change', () => {
    surface = radio.value;
    viewer.setClay(surface === 'clay');
    refresh();
  });
}
$('download').addEventListener('click', async () => {
  try {
    const blob = await (await post('api/glb', query())).blob();
    const link = document.createElement('a');
    link.href = URL.createObjectURL(blob);
    link.download = 'face.glb';
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  } catch (error) { say(error.message, true); }
});

model = await (await ask('api/model')).json();
viewer.setTopology(new Uint32Array(bytes(model.triangles)), new Float32Array(bytes(model.uv)));
buildSliders(model.groups);
for (const { name, picture: source } of model.samples) {
  const button = document.createElement('button');
  button.title = name;
  button.innerHTML = '<img alt="">';
  button.firstChild.src = source;
  button.firstChild.alt = name;
  button.addEventListener('click', () => sample(name));
  $('samples').append(button);
}
await sample(model.samples[0]?.name ?? 'mean');
