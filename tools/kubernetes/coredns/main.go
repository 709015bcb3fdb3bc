// Command coredns is CoreDNS with only the plugins that the embedded cluster's Corefile names.
//
// The stock command compiles some fifty plugins, cloud SDKs among them, which takes minutes on a cold cache.
// Leaving plugins out by a main package of one's own is CoreDNS's documented way to do it.
package main

import (
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/health"
	_ "github.com/coredns/coredns/plugin/kubernetes"
	_ "github.com/coredns/coredns/plugin/ready"
	_ "github.com/coredns/coredns/plugin/template"

	"github.com/coredns/coredns/coremain"
)

func main() {
	coremain.Run()
}
