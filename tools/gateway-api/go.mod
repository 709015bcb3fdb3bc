// The definitions of the Gateway API that the embedded cluster serves; nothing of the module is built.
module tfk8s.dev/tools/gateway-api

go 1.25.0

require sigs.k8s.io/gateway-api v1.5.1 // indirect
