package pintle

import (
	"net"
	"net/http"
	"net/netip"
	"strconv"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// advertised is the address under which clients in a cluster find the server.
func (s *Server) advertised() netip.Addr {
	for _, ip := range []net.IP{s.cfg.AdvertiseAddress, s.cfg.BindAddress} {
		if a, ok := netip.AddrFromSlice(ip); ok && !a.Unmap().IsUnspecified() && !a.Unmap().IsLoopback() {
			return a.Unmap()
		}
	}
	addrs, err := net.InterfaceAddrs()
	if err == nil {
		for _, x := range addrs {
			n, ok := x.(*net.IPNet)
			if !ok {
				continue
			}
			if a, ok := netip.AddrFromSlice(n.IP); ok && a.Unmap().Is4() && a.Unmap().IsGlobalUnicast() {
				return a.Unmap()
			}
		}
	}
	return netip.AddrFrom4([4]byte{127, 0, 0, 1})
}

// addresses is what discovery tells clients of where the server is.
func (s *Server) addresses(*http.Request) []metav1.ServerAddressByClientCIDR {
	return []metav1.ServerAddressByClientCIDR{{ClientCIDR: "0.0.0.0/0", ServerAddress: net.JoinHostPort(s.advertised().String(), strconv.Itoa(s.Port()))}}
}
