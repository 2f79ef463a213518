// Runs at CloudFront before its cache (runtime cloudfront-js-2.0, which has no for-of). Origins
// believe x-tenant-host and x-accept-zstd, so both are always set anew here; and whatever stands in
// the cache key is spelled one way. Time is short: long lists are left for the origin to refuse.

const MOST_PAIRS = 100;
const MOST_WEIGHTS = 40;

function handler(event) {
  const request = event.request;
  const headers = request.headers;

  // Origins are called under names of their own: this is the one that the viewer called.
  headers['x-tenant-host'] = { value: bareHost(valueOf(headers.host)) };

  // Of Accept-Encoding, CloudFront passes on gzip alone.
  delete headers['x-accept-zstd'];
  const codings = weights(valueOf(headers['accept-encoding']));
  if ((codings.zstd === undefined ? codings['*'] : codings.zstd) > 0) {
    headers['x-accept-zstd'] = { value: '1' };
  }

  // The JSON API reads the rest for itself: nothing of it is cached.
  if (request.uri.startsWith('/v1/')) {
    return request;
  }

  // A page, or what programs get: two kinds of answers, so two values.
  headers.accept = { value: wantsPage(valueOf(headers.accept)) ? 'text/html' : '*/*' };

  const raw = request.rawQueryString();
  if (raw) {
    request.querystring = comparable(raw);
  }
  return request;
}

// Several fields of one name are one list (RFC 9110, section 5.2).
function valueOf(header) {
  if (!header) {
    return '';
  }
  return header.multiValue ? header.multiValue.map((one) => one.value).join(',') : header.value;
}

function bareHost(host) {
  return host.toLowerCase().replace(/:[0-9]*$/, '').replace(/\.$/, '');
}

// Keys are put in order, which changes no answer; values of one key stay in theirs, and every pair
// stays as it was written. No key is dropped: whatever it is called, it may be a column's name.
function comparable(raw) {
  const pairs = raw.split('&');
  if (pairs.length > MOST_PAIRS) {
    return raw;
  }
  return pairs
    .map((pair, place) => ({ key: keyOf(pair), pair: pair, place: place }))
    .filter((one) => one.pair)
    .sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.place - b.place))
    .map((one) => one.pair)
    .join('&');
}

function keyOf(pair) {
  const key = pair.split('=')[0].replace(/\+/g, ' ');
  try {
    return decodeURIComponent(key);
  } catch (error) {
    return key; // the origin says what is wrong with it
  }
}

// HTML is asked for by its name, and JSON isn't liked better.
function wantsPage(accept) {
  const liked = weights(accept);
  const json = ['application/json', 'application/*', '*/*'].filter((name) => liked[name] >= 0);
  const html = liked['text/html'];
  return html > 0 && html >= (json.length > 0 ? liked[json[0]] : 0);
}

// A list with weights (RFC 9110, section 12.4.2); what isn't between 0 and 1 counts as 0.
function weights(list) {
  const found = {};
  list.toLowerCase().split(',', MOST_WEIGHTS).forEach((part) => {
    const pieces = part.split(';').map((piece) => piece.trim());
    const written = pieces.filter((piece) => /^q *=/.test(piece));
    const weight = written.length > 0 ? Number(written[0].split('=')[1]) : 1;
    found[pieces[0]] = weight >= 0 && weight <= 1 ? weight : 0;
  });
  return found;
}
