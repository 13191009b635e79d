// deploy/nginx.conf with other addresses, for the tests and the demo: what runs there is the file that ships.

export interface NginxPlaces {
  /** `host:port` of the instances a, b and c. */
  instances: [string, string, string]
  /** `host:port` of the door for browsers. */
  listen: string
  /** `host:port` of the door for internal services. */
  listenInternal: string
  /** A folder that nginx may write to. */
  dir: string
  /** `host:port` of the demo's script, at /demo/. The door for browsers is then one for publishers too. */
  demo?: string
}

const CLOSED = 'location ~* ^/api/v1/(publish|sessions|tokens)(/|$) { return 404; }'

/**
 * @param text deploy/nginx.conf
 * @throws Error when a place to fill in is not there any more
 */
export function renderNginx (text: string, { instances: [a, b, c], listen, listenInternal, dir, demo }: NginxPlaces): string {
  const places: Array<[string, string]> = [
    ['roomcast-a:3000', a],
    ['roomcast-b:3000', b],
    ['roomcast-c:3000', c],
    ['listen 8080;', `listen ${listen};`],
    ['listen 8081;', `listen ${listenInternal};`],
    ['access_log /dev/stdout', `access_log ${dir}/access.log`],
    ['error_log stderr', `error_log ${dir}/error.log`],
    // The folders of the package belong to root.
    ['http {\n', `http {\n${['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(kind => `    ${kind}_temp_path ${dir}/${kind};\n`).join('')}`],
    ...demo === undefined ? [] : [[CLOSED, openDoor(text, demo)] as [string, string]]
  ]
  return places.reduce((rendered, [place, value]) => {
    if (!rendered.includes(place)) throw new Error(`nginx.conf has no "${place.trim()}"`)
    return rendered.replaceAll(place, () => value)
  }, text)
}

/** Publishes at the door for browsers are treated as those at the other one. */
function openDoor (text: string, demo: string): string {
  const [publish] = /location = \/api\/v1\/publish \{[^}]*\}/.exec(text) ?? ['']
  return `${publish}\n\n        location /demo/ {\n            proxy_pass http://${demo};\n            proxy_read_timeout 30s;\n        }`
}

/** How to start nginx with such a file: in the foreground, with its pid file in the same folder. */
export function nginxArgs (dir: string): string[] {
  return ['-p', dir, '-c', `${dir}/nginx.conf`, '-e', `${dir}/error.log`, '-g', `daemon off; pid ${dir}/nginx.pid;`]
}
