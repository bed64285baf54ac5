// Forms that make a passkey or sign in with one: fetch what is to be signed, let the browser ask its person, send the answer.
(() => {
  const { browserSupportsWebAuthn, startAuthentication, startRegistration } =
    window.SimpleWebAuthnBrowser;
  const FLOWS = {
    "sign-in": { path: "/console/sign-in/passkey", start: startAuthentication },
    add: { path: "/console/account/passkeys", start: startRegistration },
  };
  // The browser's words for these are made for programmers.
  const FAULTS = {
    NotAllowedError: "Nothing was chosen, or it took too long.",
    InvalidStateError: "This device has a passkey for here already.",
    NotSupportedError: "This device cannot make such a passkey.",
  };

  const send = async (path, body) => {
    const answer = await fetch(path, { method: "POST", body }).catch(() => {
      throw new Error("The server does not answer. Try again in a moment.");
    });
    const isJson = answer.headers.get("content-type")?.startsWith("application/json");
    const said = isJson ? await answer.json() : {};
    if (answer.ok && isJson) return said;
    throw new Error(said.fault ?? "That did not work. Load the page again, and repeat it.");
  };

  const run = async (form) => {
    const { path, start } = FLOWS[form.dataset.passkey];
    const fields = new FormData(form);
    const optionsJSON = await send(`${path}/options`, fields);
    fields.set("response", JSON.stringify(await start({ optionsJSON })));
    const { next } = await send(path, fields);
    window.location.assign(next);
  };

  for (const form of document.querySelectorAll("form[data-passkey]")) {
    const fault = form.querySelector("[role=alert]");
    const button = form.querySelector("button");
    const say = (text) => {
      fault.textContent = text;
      fault.hidden = false;
    };
    form.hidden = !browserSupportsWebAuthn();
    if (window.location.origin !== form.dataset.origin) {
      button.disabled = true;
      say(`Passkeys work at ${form.dataset.origin}.`);
    }
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      fault.hidden = true;
      button.disabled = true;
      try {
        await run(form);
      } catch (error) {
        say(FAULTS[error.name] ?? error.message);
        button.disabled = false;
      }
    });
  }
})();
