// What the page asks of its server, and what the answers hold.

const SILENT = 'The server does not answer: is explore.py still running?';

export async function ask(path, options) {
  let response;
  try { response = await fetch(path, options); } catch { throw new Error(SILENT); }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new Error(body.detail ?? `The server says ${response.status} ${response.statusText}`);
  }
  return response;
}

export const post = (path, body, signal) => ask(path, {
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal,
});

// Fits the faces of `photos`, several as one person; `tell(done)` hears how far that is. Returns
// the faces in the photos' order.
export async function fit(photos, signal, tell) {
  const response = await post('api/fit', { photos }, signal);
  for await (const report of reports(response)) {
    signal.throwIfAborted();
    if (report.detail) throw new Error(report.detail);
    if (report.faces) return report.faces;
    tell(report.done);
  }
  throw new Error(SILENT);
}

// The lines of JSON of a response, as they come.
async function* reports(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let text = ''; ;) {
    const { done, value } = await reader.read().catch(() => { throw new Error(SILENT); });
    if (done) return;
    const lines = (text + value).split('\n');
    text = lines.pop();
    yield* lines.map(JSON.parse);
  }
}

// The buffer of a string in base 64.
export function bytes(base64) {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0)).buffer;
}

// The image at a URL, once it can be drawn.
export function picture(source) {
  return new Promise((resolve, reject) => {
    const image = new Image();
    image.onload = () => resolve(image);
    image.onerror = () => reject(new Error('A picture of the server cannot be shown.'));
    image.src = source;
  });
}
