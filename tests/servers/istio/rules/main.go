// Command mesh-rules writes nftables rules into the network namespace that it runs in, in place of those that it wrote
// before:
//
//	mesh-rules pod                       what istio-init does for a pod with a sidecar
//	mesh-rules node INTERFACE < SERVICES what kube-proxy does for a node
//
// A sidecar is handed connections to virtual addresses (240.0.0.0/4) only: to tell its own from those of others takes a
// second group, which nobody but root has. SERVICES is a JSON object from "ADDRESS:PORT" to "ADDRESS:PORT", one backend
// each; what leaves by INTERFACE gets its address.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// Where pilot-agent and Envoy listen, and what is not captured on its way in.
const (
	outbound = 15001
	inbound  = 15006
	names    = 15053
)

var probes = []uint16{15008, 15020, 15021, 15090}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mesh-rules:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	connection, err := nftables.New()
	if err != nil {
		return err
	}
	table := &nftables.Table{Family: nftables.TableFamilyIPv4, Name: "mesh"}
	// Added first, so that deleting it is no error where there is none.
	connection.AddTable(table)
	connection.DelTable(table)
	connection.AddTable(table)
	rules := &rules{connection: connection, table: table}
	switch {
	case len(arguments) == 1 && arguments[0] == "pod":
		pod(rules)
	case len(arguments) == 2 && arguments[0] == "node":
		err = node(rules, arguments[1])
	default:
		err = errors.New("mesh-rules pod | mesh-rules node INTERFACE")
	}
	if err != nil {
		return err
	}
	return connection.Flush()
}

func pod(rules *rules) {
	output := rules.chain("output", nftables.ChainHookOutput, nftables.ChainPriorityNATDest)
	rules.add(output, to(netip.MustParsePrefix("127.0.0.1/32")), port(unix.IPPROTO_UDP, 53), redirect(names))
	rules.add(output, to(netip.MustParsePrefix("240.0.0.0/4")), protocol(unix.IPPROTO_TCP), redirect(outbound))
	input := rules.chain("input", nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)
	for _, probe := range probes {
		rules.add(input, port(unix.IPPROTO_TCP, probe), accept())
	}
	rules.add(input, protocol(unix.IPPROTO_TCP), redirect(inbound))
}

func node(rules *rules, leaving string) error {
	var services map[string]string
	if err := json.NewDecoder(os.Stdin).Decode(&services); err != nil {
		return err
	}
	input := rules.chain("input", nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)
	output := rules.chain("output", nftables.ChainHookOutput, nftables.ChainPriorityNATDest)
	for service, backend := range services {
		from, err := netip.ParseAddrPort(service)
		if err != nil {
			return err
		}
		until, err := netip.ParseAddrPort(backend)
		if err != nil {
			return err
		}
		for _, chain := range []*nftables.Chain{input, output} {
			rules.add(chain, to(netip.PrefixFrom(from.Addr(), 32)), port(unix.IPPROTO_TCP, from.Port()), translate(until))
		}
	}
	post := rules.chain("post", nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	rules.add(post, leaves(leaving), from(netip.MustParsePrefix("10.0.0.0/8")), []expr.Any{&expr.Masq{}})
	return nil
}

// rules adds to one table.
type rules struct {
	connection *nftables.Conn
	table      *nftables.Table
}

func (r *rules) chain(name string, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
	return r.connection.AddChain(&nftables.Chain{Name: name, Table: r.table, Type: nftables.ChainTypeNAT, Hooknum: hook, Priority: priority})
}

func (r *rules) add(chain *nftables.Chain, parts ...[]expr.Any) {
	r.connection.AddRule(&nftables.Rule{Table: r.table, Chain: chain, Exprs: slices.Concat(parts...)})
}

// Where the addresses stand in an IPv4 header, in bytes.
const (
	sourceAt      = 12
	destinationAt = 16
)

func from(prefix netip.Prefix) []expr.Any { return address(sourceAt, prefix) }
func to(prefix netip.Prefix) []expr.Any   { return address(destinationAt, prefix) }

func address(at uint32, prefix netip.Prefix) []expr.Any {
	mask := binaryutil.BigEndian.PutUint32(uint32(0xffffffff) << (32 - prefix.Bits()))
	network := prefix.Masked().Addr().As4()
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: at, Len: 4},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: mask, Xor: make([]byte, 4)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: network[:]},
	}
}

func protocol(number byte) []expr.Any {
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{number}}}
}

// port is the port that a packet goes to.
func port(number byte, port uint16) []expr.Any {
	return append(protocol(number),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.BigEndian.PutUint16(port)})
}

func leaves(by string) []expr.Any {
	name := make([]byte, unix.IFNAMSIZ)
	copy(name, by)
	return []expr.Any{&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: name}}
}

func accept() []expr.Any { return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}} }

func redirect(port uint16) []expr.Any {
	return []expr.Any{&expr.Immediate{Register: 1, Data: binaryutil.BigEndian.PutUint16(port)}, &expr.Redir{RegisterProtoMin: 1}}
}

func translate(until netip.AddrPort) []expr.Any {
	address := until.Addr().As4()
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: address[:]},
		&expr.Immediate{Register: 2, Data: binaryutil.BigEndian.PutUint16(until.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: unix.NFPROTO_IPV4, RegAddrMin: 1, RegProtoMin: 2},
	}
}
