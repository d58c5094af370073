// What the page asks of its server, and what the answers hold.

export async function ask(path, options) {
  let response;
  try { response = await fetch(path, options); } catch {
    throw new Error('The server does not answer: is explore.py still running?');
  }
  if (!response.ok) {
    const body = await response.json().catch(() => ({}));
    throw new Error(body.detail ?? `The server says ${response.status} ${response.statusText}`);
  }
  return response;
}

export const post = (path, body, signal) => ask(path, {
  method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body), signal,
});

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
