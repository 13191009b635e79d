// Renders deploy/nginx.conf with other addresses, so that tests and the demo run the file that is shipped.

export interface NginxPlaces {
  /** `host:port` of the instances a, b and c. */
  instances: [string, string, string]
  /** `host:port` of the listener for browsers. */
  listen: string
  /** `host:port` of the listener for internal services. */
  listenInternal: string
  /** A folder that nginx may write to. */
  dir: string
  /** `host:port` of the demo's script, at /demo/. The listener for browsers then also accepts publishes. */
  demo?: string
  /** deploy/nginx-tls.conf as it is to be, in the place of the plain port for browsers. */
  tls?: string
}

/**
 * @param text deploy/nginx.conf
 * @throws Error if a placeholder is missing
 */
export function renderNginx (text: string, { instances: [a, b, c], listen, listenInternal, dir, tls, demo }: NginxPlaces): string {
  const places: Array<[string, string]> = [
    ['roomcast-a:3000', a],
    ['roomcast-b:3000', b],
    ['roomcast-c:3000', c],
    ['listen 8080 backlog=4096;', tls ?? `listen ${listen} backlog=4096;`],
    ['listen 8081;', `listen ${listenInternal};`],
    ['access_log /dev/stdout', `access_log ${dir}/access.log`],
    ['error_log stderr', `error_log ${dir}/error.log`],
    // The default folders belong to root.
    ['http {\n', `http {\n${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `    ${kind}_temp_path ${dir}/${kind};\n`).join('')}`],
    ...demo === undefined ? [] : [openControl(text, demo)]
  ]
  return places.reduce((rendered, [place, value]) => {
    if (!rendered.includes(place)) throw new Error(`nginx.conf has no "${place.trim()}"`)
    return rendered.replaceAll(place, () => value)
  }, text)
}

/** Handles publishes on the listener for browsers like those on the other one. */
function openControl (text: string, demo: string): [string, string] {
  const [closed] = /location ~\* \^\/api\/v1\/\(publish.*/.exec(text) ?? ['location ~* ^/api/v1/(publish']
  const [publish] = /location = \/api\/v1\/publish \{[^}]*\}/.exec(text) ?? ['']
  return [closed, `${publish}\n\n        location /demo/ {\n            proxy_pass http://${demo};\n            proxy_read_timeout 30s;\n        }`]
}

/** The arguments that start nginx with such a file: in the foreground, with its pid file in the same folder. */
export function nginxArgs (dir: string): string[] {
  return ['-p', dir, '-c', `${dir}/nginx.conf`, '-e', `${dir}/error.log`, '-g', `daemon off; pid ${dir}/nginx.pid;`]
}
