//! Every bound on what is read from a fleet. What is over a bound is a finding, and unknown: never cut, never dropped.

use std::time::Duration;

use jiff::SignedDuration;

/// Largest manifest file, in bytes. A dump of a cluster with thousands of Services has a tenth of it.
pub const MAX_FILE: u64 = 32 << 20;
/// Largest `.unseen`, in bytes.
pub const MAX_UNSEEN: u64 = 16 << 10;
/// Largest single object, in bytes: an API server takes requests of at most 3 MiB.
pub const MAX_OBJECT: usize = 3 << 20;
/// Most objects that are read of one cluster.
pub const MAX_OBJECTS: usize = 500_000;
/// Most files that are read of one cluster.
pub const MAX_FILES: usize = 200_000;
/// Deepest folder below a cluster's.
pub const MAX_FOLDER_DEPTH: usize = 32;
/// Most findings that are kept of one cluster; the rest is counted.
pub const MAX_FINDINGS: usize = 1_000;
/// Most clusters that are read at once, where the machine has that many cores.
pub const MAX_READERS: usize = 16;
/// Longest name of an object, in bytes (RFC 1123 subdomain).
pub const MAX_NAME: usize = 253;
/// Longest text that is kept of an object, in bytes, where nothing narrower is said: identities, hosts, regions, …
pub const MAX_TEXT: usize = 4 << 10;
/// Longest annotation value that is kept, in bytes: Kubernetes allows 256 KiB of annotations an object.
pub const MAX_ANNOTATION: usize = 256 << 10;
/// Most entries of one list that is kept (ports, hosts, destinations, policy items).
pub const MAX_ENTRIES: usize = 20_000;
/// Most certificates of one bundle of roots.
pub const MAX_CERTIFICATES: usize = 200;
/// Most replicas of a webhook that are looked at.
pub const MAX_REPLICAS: usize = 100;
/// Deepest nesting of a YAML document.
pub const MAX_YAML_DEPTH: usize = 64;
/// Most nodes of a YAML document: one for each four bytes of the largest file.
pub const MAX_YAML_NODES: usize = 8 << 20;
/// Most nodes that aliases may add to a YAML document.
pub const MAX_YAML_ALIAS_NODES: usize = 100_000;
/// Most aliases in a YAML document.
pub const MAX_YAML_ALIASES: usize = 10_000;
/// Longest file name that is written, in bytes; longer names are cut there and get a digest.
pub const MAX_FILE_NAME: usize = 200;
/// Largest answer of an API server that is read, in bytes: 500 objects of the largest size are far less in practice.
pub const MAX_ANSWER: usize = 256 << 20;
/// Largest room of an answer that a thread keeps for the next one, in bytes: four times a page of large Deployments.
pub const MAX_ROOM: usize = 16 << 20;
/// Objects a page of a list.
pub const PAGE: usize = 500;
/// How long one request may take.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(15);
/// How long a connection may take to come about.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How often a read that failed for a passing reason is tried again.
pub const RETRIES: u32 = 2;
/// The pause before the first such try; each further one doubles it. Half of it is chance.
pub const RETRY_PAUSE: Duration = Duration::from_millis(200);
/// Connections to one cluster that are kept without a request on them, where it speaks HTTP/1.1 only.
pub const IDLE_CONNECTIONS: usize = KINDS_AT_ONCE;
/// Most that a connection of HTTP/1.1 keeps unread, in bytes; of HTTP/2, a stream, and all of a connection together.
pub const HTTP1_BUFFER: usize = 64 << 10;
/// See [`HTTP1_BUFFER`].
pub const STREAM_WINDOW: u32 = 1 << 20;
/// See [`HTTP1_BUFFER`].
pub const CONNECTION_WINDOW: u32 = 2 << 20;
/// A connection of HTTP/2 with something on it that brings nothing for this long is asked whether it lives, as client-go
/// does.
pub const PING: Duration = Duration::from_secs(30);
/// And is given up where no answer comes for this long.
pub const PING_TIMEOUT: Duration = Duration::from_secs(15);
/// Kinds that are read at once of one cluster.
pub const KINDS_AT_ONCE: usize = 4;
/// Most base hosts whose ServiceEntries are asked for one by one; the fleet is listed where a name has more.
pub const MAX_HOSTS_ASKED: usize = 16;
/// Most namespaces of a cluster whose Services are asked for one by one; more are listed at once.
pub const MAX_NAMESPACES_ASKED: usize = 16;
/// Most identities whose workloads are asked for by label at once; the workloads of a cluster are listed where a name has more
/// callers. A request for them has some 4 KiB.
pub const MAX_LABELS_ASKED: usize = 200;
/// Most identities whose workloads are left out of a list by label; everything is listed where more would be. A request has
/// some 10 KiB then.
pub const MAX_LABELS_LEFT_OUT: usize = 500;
/// Most ConfigMaps of webhooks that are looked at of one cluster.
pub const MAX_STATES: usize = 10;
/// What a webhook said of labels longer ago than this says nothing of now: it says it every minute.
pub const LABELS_AGE: SignedDuration = SignedDuration::from_secs(90);
/// Most workloads that pods of one name may be of, in a fleet and in a cluster; further ones are left out.
pub const MAX_POD_OWNERS: usize = 50;
/// Writes at once to one cluster.
pub const WRITES_AT_ONCE: usize = 8;
/// Clusters at once, unless `--parallel` says otherwise.
pub const PARALLEL: usize = 64;
/// What one cluster may take to be read, unless `--cluster-timeout` says otherwise.
pub const CLUSTER_TIMEOUT: Duration = Duration::from_secs(30);
/// What a whole run may take to read, unless `--timeout` says otherwise.
pub const RUN_TIMEOUT: Duration = Duration::from_mins(5);
/// Credential plugins that run at once.
pub const PLUGINS_AT_ONCE: usize = 8;
/// Largest kubeconfig that is read, in bytes.
pub const MAX_KUBECONFIG: u64 = 4 << 20;
/// Most clusters of one source.
pub const MAX_TARGETS: usize = 5_000;
/// How often a run looks whether it is to stop, and says how far it is.
pub const TICK: Duration = Duration::from_millis(100);
/// How long one write may take, the read before it included.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a credential plugin may take when it asks nobody.
pub const PLUGIN_TIMEOUT: Duration = Duration::from_secs(30);
/// How long one may take that talks to the person before the terminal, who may have to log in.
pub const PLUGIN_TIMEOUT_ATTENDED: Duration = Duration::from_mins(5);
/// Most that a credential plugin may print, in bytes.
pub const MAX_PLUGIN_OUTPUT: u64 = 1 << 20;
/// How long before it expires a credential is asked for anew.
pub const PLUGIN_MARGIN: Duration = Duration::from_secs(10);
/// How long a credential is used at least, so that a plugin with a wrong clock does not run for each request.
pub const PLUGIN_PAUSE: Duration = Duration::from_secs(5);
/// Largest kuberc that is read, in bytes.
pub const MAX_KUBERC: u64 = 1 << 20;
/// How long all clusters together may take to be told by Events what was written.
pub const EVENTS_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest note of an Event, in bytes: what Kubernetes takes.
pub const MAX_NOTE: usize = 1_024;
/// Longest name of a user in it, in characters.
pub const MAX_USER: usize = 256;
/// Most that is looked at of what a server says is wrong, in characters.
pub const MAX_SAID: usize = 4_096;
/// Most that is shown of it.
pub const MAX_SHOWN: usize = 400;
/// Largest refusal that is read, in bytes.
pub const MAX_REFUSAL: usize = 64 << 10;
/// Longest line of a watch, in bytes: the largest object and what is around it.
pub const MAX_EVENT: usize = MAX_OBJECT + (64 << 10);
/// How long a server is asked to keep one watch open. It then ends with a bookmark, and the next one begins there.
pub const WATCH_LASTS: Duration = Duration::from_secs(30);
/// A watch that says nothing for this long, not even its end, is broken, and its kind is listed again.
pub const WATCH_SILENCE: Duration = Duration::from_mins(1);
/// A kind that has been without a working watch or list for this long is unseen until it is listed again.
pub const UNSEEN_AFTER: Duration = Duration::from_secs(30);
/// Longest pause before a broken watch is begun again.
pub const WATCH_PAUSE: Duration = Duration::from_secs(10);
/// A watch that lasted this long did work: the next pause is a short one again.
pub const WATCH_WORKED: Duration = Duration::from_secs(5);
/// Changes that come within this time of the last one are planned together.
pub const COALESCE: Duration = Duration::from_millis(50);
/// But no change waits longer than this for others.
pub const COALESCE_AT_MOST: Duration = Duration::from_millis(400);
/// How often a watching run asks whether a cluster is another one, stores another policy or serves other kinds.
pub const BEAT: Duration = Duration::from_secs(30);
/// How long a reading of the newest versions may take.
pub const MARK_TIMEOUT: Duration = Duration::from_secs(5);
/// Gateways that are asked at once for what they show.
pub const PROBES_AT_ONCE: usize = 16;
/// Connections at once to the address of health and metrics.
pub const MAX_LISTENERS: usize = 16;
/// Longest request there, in bytes.
pub const MAX_REQUEST: usize = 8 << 10;
/// How long one of them may take to ask, and to take its answer.
pub const LISTEN_TIMEOUT: Duration = Duration::from_secs(2);
/// Longest problem text, in characters.
pub(crate) const MAX_PROBLEM: usize = 300;
/// Less time than this is none.
pub(crate) const LEAST_TIMEOUT: Duration = Duration::from_millis(100);
/// How often a program that closed its output is asked whether it has ended.
pub(crate) const PLUGIN_POLL: Duration = Duration::from_millis(5);
