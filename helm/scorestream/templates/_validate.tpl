{{/* Combinations that can't work, each with its mend. values.schema.json has caught wrong types before. */}}

{{- define "scorestream.gateway.termination" -}}
{{- $g := .Values.gateway -}}
{{- add $g.drainGraceSeconds $g.drainTimeoutSeconds (div (add $g.deadlineMs 999) 1000) 5 -}}
{{- end }}

{{- define "scorestream.validate.kafka" -}}
{{- $kafka := .Values.kafka -}}
{{- if not $kafka.bootstrapServers }}
{{- fail "kafka.bootstrapServers is empty: name your brokers, e.g. kafka-kafka-bootstrap.kafka:9093" }}
{{- end }}
{{- if hasPrefix "SASL" $kafka.securityProtocol }}
{{- range $name, $user := $kafka.users }}
{{- if not (and $user.username $user.secret) }}
{{- fail (printf "kafka.securityProtocol is %s: give kafka.users.%s a username and the secret with its password" $kafka.securityProtocol $name) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.keda.enabled (ne $kafka.securityProtocol "PLAINTEXT") (not .Values.keda.kafkaSecret.name) }}
{{- fail "keda.enabled with a secured Kafka: name the secret KEDA logs in with in keda.kafkaSecret.name (keys: sasl, username, password, tls)" }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.gateway" -}}
{{- $g := .Values.gateway -}}
{{- if and (not $g.keys.secret) (not $g.keys.disabled) }}
{{- fail "gateway.keys.secret is empty: make one (scorestream keys new --file keys.json; kubectl create secret generic gateway-keys --from-file=keys.json), or set gateway.keys.disabled=true if something in front asks for keys" }}
{{- end }}
{{- if and $g.keys.secret $g.keys.disabled }}
{{- fail "gateway.keys.disabled=true and gateway.keys.secret are both set: drop one" }}
{{- end }}
{{- with $g.autoscaling }}
{{- if and .enabled (gt (int .minReplicas) (int .maxReplicas)) }}
{{- fail (printf "gateway.autoscaling.minReplicas %v is over maxReplicas %v: lower the one or raise the other" .minReplicas .maxReplicas) }}
{{- end }}
{{- if and .enabled (not (dig "requests" "cpu" "" $g.resources)) }}
{{- fail "gateway.autoscaling follows the share of requested CPU: set gateway.resources.requests.cpu" }}
{{- end }}
{{- if and .enabled .memoryPercent (not (dig "requests" "memory" "" $g.resources)) }}
{{- fail "gateway.autoscaling.memoryPercent follows the share of requested memory: set gateway.resources.requests.memory" }}
{{- end }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.scorer" -}}
{{- $v := .Values -}}
{{- $partitions := int $v.topics.partitions -}}
{{- range $lane, $set := $v.scorer.lanes }}
{{- if $set.enabled }}
{{- $a := $set.autoscaling -}}
{{- $most := ternary $a.maxReplicas $set.replicas $v.keda.enabled | int }}
{{- $value := ternary "autoscaling.maxReplicas" "replicas" $v.keda.enabled }}
{{- if gt $most $partitions }}
{{- fail (printf "scorer.lanes.%s.%s is %d, but its topic has %d partitions (topics.partitions) and a partition has one scorer: lower it, or add partitions first (scorestream topics ensure --grow, while nothing is in flight)" $lane $value $most $partitions) }}
{{- end }}
{{- if and $v.keda.enabled (gt (int $a.minReplicas) (int $a.maxReplicas)) }}
{{- fail (printf "scorer.lanes.%s.autoscaling.minReplicas %v is over maxReplicas %v: lower the one or raise the other" $lane $a.minReplicas $a.maxReplicas) }}
{{- end }}
{{- if and $v.keda.enabled (eq $lane "sync") (lt (int $a.minReplicas) 1) }}
{{- fail "scorer.lanes.sync.autoscaling.minReplicas is 0: the first application of a quiet hour would wait for a pod; set at least 1" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- /* Where features, archive and artifacts are, of what is switched on. */}}
{{- define "scorestream.stores" -}}
{{- with .Values -}}
{{- if .features.enabled }}
features.store: {{ .features.store | quote }}
{{- end }}
{{- if .archive.enabled }}
archive.store: {{ .archive.store | quote }}
{{- end }}
{{- if .mlflow.enabled }}
mlflow.artifacts: {{ .mlflow.artifacts | quote }}
{{- end }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.stores" -}}
{{- $v := .Values -}}
{{- if and (not $v.ledger.database.secret) (gt (int $v.ledger.replicas) 1) }}
{{- fail "ledger.replicas is over 1 with SQLite, which has one owner: set ledger.database.secret (a PostgreSQL address), or ledger.replicas=1" }}
{{- end }}
{{- if and (not $v.mlflow.enabled) (not $v.mlflow.externalUrl) }}
{{- fail "mlflow.enabled is false: give the address of yours in mlflow.externalUrl" }}
{{- end }}
{{- range $name, $uri := omit (include "scorestream.stores" . | fromYaml) "mlflow.artifacts" }}
{{- if not $uri }}
{{- fail (printf "%s is empty: name a bucket (gs://… or s3://…) or a folder under /var/lib/scorestream/ with sharedVolume.enabled=true, or set %s.enabled=false" $name (splitList "." $name | first)) }}
{{- end }}
{{- if and (hasPrefix "/" $uri) (not (and $v.sharedVolume.enabled (hasPrefix "/var/lib/scorestream/" $uri))) }}
{{- fail (printf "%s is the folder %s, which no other pod sees: use gs://… or s3://…, or sharedVolume.enabled=true and a folder under /var/lib/scorestream/" $name $uri) }}
{{- end }}
{{- end }}
{{- if hasPrefix "/" $v.mlflow.artifacts }}
{{- fail (printf "mlflow.artifacts is the folder %s, where MLflow may not write: use gs://… or s3://…, or leave it empty for a folder of mlflow.volume" $v.mlflow.artifacts) }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.ingress" -}}
{{- with .Values.ingress }}
{{- if .enabled }}
{{- if not .host }}{{ fail "ingress.enabled: set ingress.host, the one name for API, MLflow and Grafana" }}{{ end }}
{{- if and (not .tls.enabled) (not .plainHttp) }}
{{- fail "ingress.tls.enabled is false: keys and applications would cross the network in plain; set ingress.tls, or ingress.plainHttp=true on a machine of your own" }}
{{- end }}
{{- if and .mlflow.enabled (not .consoleAnnotations) (not .mlflow.open) }}
{{- fail "ingress.mlflow.enabled: MLflow has no log-in of its own; put one in front (ingress.consoleAnnotations, your controller's external authentication), or set ingress.mlflow.open=true where everybody who reaches the Ingress may change models" }}
{{- end }}
{{- if and .mlflow.enabled (not $.Values.mlflow.enabled) }}
{{- fail "ingress.mlflow.enabled without mlflow.enabled: there is no MLflow here to show" }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.environment" -}}
{{- $v := .Values -}}
{{- $made := .Files.Get "files/variables.yaml" | fromYaml -}}
{{- $all := dict "gateway" $v.gateway "scorer" $v.scorer "features" $v.features "ledger" $v.ledger "archive" $v.archive "lagExporter" $v.lagExporter "mlflow" $v.mlflow }}
{{- range $component, $values := $all }}
{{- range $name, $value := $values.env }}
{{- $it := printf "%s.env.%s" $component $name }}
{{- if or (regexMatch "SECRET|ACCESS_KEY|PASSWORD|TOKEN|DATABASE_URL|STORE_URI" $name) (regexMatch "://[^/@]*:[^/@]*@" (toString $value)) }}
{{- fail (printf "%s is a secret in plain: put it into a Secret and name that (kafka.users, ledger.database, mlflow.database, objectStore)" $it) }}
{{- end }}
{{- if and $v.objectStore.secret (has $name $v.objectStore.keys) }}
{{- fail (printf "%s is a key of the secret in objectStore: drop one" $it) }}
{{- end }}
{{- if get $made $name }}
{{- fail (printf "%s is written by the chart itself: set %s instead" $it (get $made $name)) }}
{{- else if hasKey $made $name }}
{{- fail (printf "%s is written by the chart itself, and services, probes, volumes or policies go by it: drop it" $it) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "scorestream.validate.accounts" -}}
{{- $known := list "gateway" "scorer-sync" "scorer-batch" "features" "ledger" "archive" "lag-exporter" "mlflow" "training" }}
{{- range $name, $_ := .Values.serviceAccountAnnotations }}
{{- if not (has $name $known) }}
{{- fail (printf "serviceAccountAnnotations.%s is no component: name one of %s" $name (join ", " $known)) }}
{{- end }}
{{- end }}
{{- end }}

{{- /* A connection that the values ask for and the policies would refuse, which shows as a pod that waits. */}}
{{- define "scorestream.validate.network" -}}
{{- $v := .Values -}}
{{- $peers := $v.networkPolicy.peers -}}
{{- $needed := dict "kafka" "kafka.bootstrapServers names brokers" }}
{{- if or $v.ledger.database.secret (and $v.mlflow.enabled $v.mlflow.database.secret) }}
{{- $_ := set $needed "postgresql" "a database secret is set" }}
{{- end }}
{{- range $name, $uri := include "scorestream.stores" . | fromYaml }}
{{- if contains "://" $uri }}{{ $_ := set $needed "objectStore" (printf "%s is a bucket" $name) }}{{ end }}
{{- end }}
{{- if not $v.mlflow.enabled }}{{ $_ := set $needed "mlflow" "mlflow.externalUrl is not of this release" }}{{ end }}
{{- if $v.ingress.enabled }}{{ $_ := set $needed "ingress" "ingress.enabled" }}{{ end }}
{{- if $v.monitoring.serviceMonitor.enabled }}{{ $_ := set $needed "prometheus" "monitoring.serviceMonitor.enabled" }}{{ end }}
{{- range $annotations := $v.serviceAccountAnnotations }}
{{- if hasKey $annotations "iam.gke.io/gcp-service-account" }}{{ $_ := set $needed "cloudIdentity" "serviceAccountAnnotations give pods an identity of Google's" }}{{ end }}
{{- end }}
{{- range $peer, $why := $needed }}
{{- if not (get $peers $peer).who }}
{{- fail (printf "%s and networkPolicy.peers.%s.who is empty: say where it is (namespaceSelector, podSelector or ipBlock)" $why $peer) }}
{{- end }}
{{- end }}
{{- range splitList "," $v.kafka.bootstrapServers }}
{{- include "scorestream.validate.port" (dict "peers" $peers "peer" "kafka" "port" (splitList ":" . | last) "value" "kafka.bootstrapServers") }}
{{- end }}
{{- if not $v.mlflow.enabled }}
{{- $url := urlParse $v.mlflow.externalUrl }}
{{- $port := regexFind ":[0-9]+$" $url.host | trimPrefix ":" | default (ternary "443" "80" (eq $url.scheme "https")) }}
{{- include "scorestream.validate.port" (dict "peers" $peers "peer" "mlflow" "port" $port "value" "mlflow.externalUrl") }}
{{- end }}
{{- end }}

{{- /* Takes peers, peer, and the port that `value` calls it at. */}}
{{- define "scorestream.validate.port" -}}
{{- $port := int .port -}}
{{- $open := false -}}
{{- range (get .peers .peer).ports }}
{{- if and (ne .protocol "UDP") (ge $port (int .port)) (le $port (int (default .port .endPort))) }}{{ $open = true }}{{ end }}
{{- end }}
{{- if not $open }}
{{- fail (printf "%s is at port %d, which networkPolicy.peers.%s.ports does not let through: add {protocol: TCP, port: %d}" .value $port .peer $port) }}
{{- end }}
{{- end }}
