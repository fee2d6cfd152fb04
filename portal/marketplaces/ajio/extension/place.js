// Written anew for each portal when the extension is packed.
export const PANEL = "https://seller.ajio.com";
export const PORTAL = "http://127.0.0.1:8000";
export const RECEIVER = "http://127.0.0.1:8000/connect/ajio/capture";
