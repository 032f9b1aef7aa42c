// The token is in the fragment, which browsers send to nobody.
const [purpose, link] = location.hash.slice(1).split("=");
const joins = purpose === "register";
const byId = (id) => document.getElementById(id);
const say = (text) => { byId("said").textContent = text; };
history.replaceState(null, "", location.pathname);
byId("title").textContent = joins ? "Join HishamOS" : "Set your password";
byId("name-row").hidden = !joins;
if (!link) say("This link is not whole: open it as it is in the mail.");

byId("form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const password = byId("password").value;
  if (password !== byId("again").value) { say("The two passwords differ."); return; }
  const body = joins ? { link, password, name: byId("name").value } : { link, password };
  const answer = await fetch(`/api/v1/auth/${joins ? "register" : "password_by_link"}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  if (answer.ok) { byId("form").hidden = true; say("Done. Log in with your address and this password."); return; }
  const problem = await answer.json();
  say([problem.detail, ...problem.errors.map((error) => error.message ?? error.detail ?? "")].filter(Boolean).join(" "));
});
