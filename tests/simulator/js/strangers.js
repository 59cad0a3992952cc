// What a stranger's application does with Procore's SDK, unmodified. Prints what it saw as one JSON object;
// tests/simulator/test_js_sdk.py says what it should have seen.
const sdk = require("@procore/js-sdk");

const given = JSON.parse(process.argv[2]);
const base = given.url;
const uri = "https://acme.example/callback";
const config = { apiHostname: base, defaultCompanyId: given.company };

async function signIn() {
  const consent = await fetch(sdk.authorize({ clientId: given.id, uri }, base), { redirect: "manual" });
  const code = new URL(consent.headers.get("location")).searchParams.get("code");
  return sdk.token({ id: given.id, secret: given.secret, code, uri }, base);
}

async function rfis(client) {
  const seen = [];
  for (let page = 1; ; page += 1) {
    const answer = await client.get({ base: "/projects/{project}/rfis", params: { project: given.project }, qs: { page, per_page: 10 } });
    if (answer.body.length === 0) return { pages: page - 1, ids: seen, total: answer.response.headers.get("total") };
    seen.push(...answer.body.map((one) => one.id));
  }
}

// A plain-text body, as of a rate limit, is read with the SDK's own `formatter`.
async function status(call) {
  try {
    return { status: (await call()).response.status };
  } catch (refused) {
    return { status: refused.response.status, body: refused.body };
  }
}

async function broken(fault, client) {
  await fetch(base + "/_sim/faults", { method: "POST", body: JSON.stringify({ count: 1, ...fault }) });
  return status(() => client.get("/rest/v1.0/me", { formatter: (response) => response.text() }));
}

async function errors(client) {
  const list = `/rest/v1.0/projects/${given.project}/rfis`;
  return {
    401: await status(() => sdk.client(sdk.oauth("no"), {}, config).get(list)),
    403: await status(() => client.get(list, { companyId: 42 })),
    404: await status(() => client.get(`${list}/1`)),
    422: await status(() => client.post(list, { rfi: { subject: "" } })),
    429: await broken({ name: "rate_limit_429" }, client),
    500: await broken({ name: "error_500" }, client),
    502: await broken({ name: "error_502_html" }, client),
    503: await broken({ name: "outage", retry_after: 3 }, client),
  };
}

async function main() {
  const pair = await signIn();
  const client = sdk.client(sdk.oauth(pair.access_token), {}, config);
  const made = await client.post({ base: "/projects/{project}/rfis", params: { project: given.project } }, { rfi: { subject: "From the SDK" } });
  const seen = {
    info: await sdk.info(pair.access_token, base),
    companies: (await sdk.client(sdk.oauth(pair.access_token), {}, base).get({ base: "/companies" })).body.map((one) => one.id),
    projects: (await client.get({ base: "/projects", version: "v1.1", qs: { company_id: given.company } })).body.map((one) => one.id),
    made: made.body,
    rfis: await rfis(client),
    errors: await errors(client),
  };
  const renewed = await sdk.refresh({ id: given.id, secret: given.secret, uri, refresh: pair.refresh_token }, base);
  seen.renewed = (await sdk.client(sdk.oauth(renewed.access_token), {}, config).get("/rest/v1.0/me")).body;
  seen.revoked = await sdk.revoke({ token: renewed.access_token, clientId: given.id, clientSecret: given.secret }, base);
  seen.afterwards = await status(() => sdk.client(sdk.oauth(renewed.access_token), {}, config).get("/rest/v1.0/me"));
  console.log(JSON.stringify(seen));
}

main().catch((problem) => {
  console.error(problem);
  process.exitCode = 1;
});
