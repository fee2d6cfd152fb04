// What a signed-in panel tab holds. Nothing here runs before the seller presses Send.

import { PANEL } from "./place.js";

const NOT_THERE = "Open the AJIO seller panel in a tab, sign in there, then try again.";

/** The session as the portal takes it: the tab's origin and the four values. Throws an Error with a sentence. */
export async function capture() {
  const tab = await panelTab();
  const [{ result: found }] = await chrome.scripting.executeScript({ target: { tabId: tab.id }, func: lookAround, args: [PANEL] });
  if (!found.user_id) throw new Error(NOT_THERE);
  if (!found.pobs.length) throw new Error("AJIO shows no POB to this login. Sign in with a login that sees at least one.");
  return {
    origin: new URL(tab.url).origin,
    blobs: {
      session_cookies: await panelCookies(),
      access_token: found.access_token,
      refresh_token: found.refresh_token,
      seller_context: {
        tenant: "AJIO",
        user_id: found.user_id,
        username: found.username,
        pobs: found.pobs,
        user_agent: navigator.userAgent,
        captured_at: new Date().toISOString(),
        source: "extension",
      },
    },
  };
}

/** The panel's tab: the one in front, if it is one. */
async function panelTab() {
  const tabs = (await chrome.tabs.query({})).filter((tab) => tab.url?.startsWith(`${PANEL}/`));
  if (!tabs.length) throw new Error(NOT_THERE);
  return tabs.find((tab) => tab.active) ?? tabs[0];
}

/** The cookies that a call to the panel would carry; a panel below a path brings only those of that path. */
async function panelCookies() {
  const below = new URL(PANEL).pathname.replace(/\/$/, "");
  const cookies = await chrome.cookies.getAll({ url: `${PANEL}/` });
  return cookies
    .filter((cookie) => cookie.path.startsWith(below))
    .map(({ name, value, domain, path, secure, httpOnly, sameSite, expirationDate }) => ({
      name, value, domain, path, secure, httpOnly, sameSite, expires: expirationDate ?? null,
    }));
}

/** Runs in the panel's page, so it can use nothing from outside itself. */
async function lookAround(panel) {
  const kept = (...names) => names.map((name) => localStorage.getItem(name)).find(Boolean) ?? null;
  const user_id = kept("activeSellerProfileId");
  const access_token = kept("accessToken", "access_token");
  const refresh_token = kept("refreshToken", "refresh_token");
  if (!user_id) return { user_id, pobs: [] };
  const headers = { Accept: "application/json", "X-Tenant": "AJIO" };
  if (access_token) headers.Authorization = `Bearer ${access_token}`;
  const places = `${panel}/malekith/nickfury/v1/sellers/${encodeURIComponent(user_id)}/work-places?workPlaceType=POB&page=0&size=100`;
  try {
    const { content = [] } = await (await fetch(places, { headers })).json();
    const pobs = content.map(({ id, storeName }) => ({ id, store_name: storeName ?? "" }));
    return { user_id, access_token, refresh_token, username: kept("username") ?? "", pobs };
  } catch {
    return { user_id, pobs: [] };  // a page instead of data: the session is over, or a filter stands before it
  }
}
