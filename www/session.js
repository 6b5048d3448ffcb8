// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: Lonja contributors

// The token, where reading needs one: kept for this tab alone.

const KEY = "lonja-token";
let asking = null;

export function token() {
  return sessionStorage.getItem(KEY);
}

async function logIn(form) {
  const answer = await fetch("api/sessions", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username: form.username.value, password: form.password.value }),
  });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? body.title);
  sessionStorage.setItem(KEY, body.token);
}

/** Asks for name and password; resolves when there is a token. */
export function login() {
  sessionStorage.removeItem(KEY);
  asking ??= new Promise((resolve) => {
    const dialog = document.getElementById("login"), form = dialog.querySelector("form");
    const problem = dialog.querySelector(".problem");
    dialog.addEventListener("cancel", (e) => e.preventDefault());
    form.onsubmit = async (e) => {
      e.preventDefault();
      problem.textContent = "";
      try {
        await logIn(form);
      } catch (error) {
        problem.textContent = error.message;
        return;
      }
      form.reset();
      dialog.close();
      asking = null;
      document.getElementById("leave").hidden = false;
      resolve();
    };
    dialog.showModal();
  });
  return asking;
}

export async function logOut() {
  await fetch("api/sessions/current", { method: "DELETE", headers: headers() }).catch(() => {});
  sessionStorage.removeItem(KEY);
  location.reload();
}

function headers() {
  return token() ? { Authorization: `Bearer ${token()}` } : {};
}

/** GET as JSON, with the token; asks for one when reading needs it. Throws with the problem's words. */
export async function get(path) {
  const answer = await fetch(path, { headers: headers() });
  if (answer.status === 401) {
    await login();
    return get(path);
  }
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.detail ?? body.title ?? answer.statusText);
  return body;
}
