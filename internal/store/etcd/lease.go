package etcd

import (
	"context"
	"sync"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

// leases hands out leases for records that expire. Granting one is dear, so one is used again for what expires at
// about the same time, as kube-apiserver does: for the lesser of a minute and a twentieth of the time to live,
// and for a thousand records. Records then live up to that much longer.
type leases struct {
	client *clientv3.Client

	mu      sync.Mutex
	id      clientv3.LeaseID
	expires time.Time
	records int
}

const (
	leaseReuse   = time.Minute
	leaseRecords = 1000
)

// get returns a lease that lives at least ttl.
func (l *leases) get(ctx context.Context, ttl time.Duration) (clientv3.LeaseID, error) {
	seconds := int64((ttl + time.Second - 1) / time.Second)
	extra := min(int64(leaseReuse/time.Second), seconds/20)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	end := now.Add(time.Duration(seconds) * time.Second)
	if l.id != 0 && l.records < leaseRecords && end.Before(l.expires) && end.Add(time.Duration(extra)*time.Second).After(l.expires) {
		l.records++
		return l.id, nil
	}
	granted, err := l.client.Grant(ctx, seconds+extra)
	if err != nil {
		return 0, err
	}
	l.id, l.records = granted.ID, 1
	l.expires = now.Add(time.Duration(seconds+extra) * time.Second)
	return l.id, nil
}

// forget drops a lease that etcd does not know any more.
func (l *leases) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.id = 0
}
