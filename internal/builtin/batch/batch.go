// Package batch describes the kinds of the group batch.
//
// Concurrency: hooks keep no state.
package batch

import (
	"context"
	"fmt"
	"strconv"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/pintle-io/pintle/internal/builtin/describe"
	"github.com/pintle-io/pintle/internal/object"
	"github.com/pintle-io/pintle/internal/resource"
)

// Resources lists the kinds.
func Resources(resource.Deps) describe.Kinds {
	return describe.Kinds{
		describe.Kind{
			Plural: "cronjobs", Kind: "CronJob", Short: []string{"cj"}, Categories: []string{"all"},
			Versions: []resource.Version{describe.Version[batchv1.CronJob]("batch", "v1")}, Status: true,
			Rules: resource.Rules{Generation: describe.Spec},
		}.Resource(),
		Job(),
	}
}

func Job() *resource.Resource {
	r := describe.Kind{
		Plural: "jobs", Kind: "Job", Categories: []string{"all"},
		Versions: []resource.Version{describe.Version[batchv1.Job]("batch", "v1")}, Status: true,
		Rules:      resource.Rules{Generation: describe.Spec, DefaultGC: resource.GCOrphan},
		FieldError: func(label string) string { return fmt.Sprintf("field label %q not supported for Job", label) },
		Fields: map[string]func(object.Object) string{
			"status.successful": describe.Field(func(j *batchv1.Job) string { return strconv.Itoa(int(j.Status.Succeeded)) }),
		},
	}.Resource()
	r.Prepare = prepareJob
	return r
}

// The labels that tie pods to their job, each under its old name too.
const (
	oldJobName       = "job-name"
	oldControllerUID = "controller-uid"
)

// prepareJob gives a new job the selector that only its own pods meet, unless it brings its own.
func prepareJob(_ context.Context, c *resource.Change) error {
	job := c.New.(*batchv1.Job)
	if c.Op != resource.OpCreate || job.Spec.ManualSelector != nil && *job.Spec.ManualSelector {
		return nil
	}
	labels := job.Spec.Template.Labels
	if labels == nil {
		labels = make(map[string]string, 4)
		job.Spec.Template.Labels = labels
	}
	set := func(m map[string]string, key, value string) {
		if _, ok := m[key]; !ok {
			m[key] = value
		}
	}
	set(labels, oldJobName, job.Name)
	set(labels, batchv1.JobNameLabel, job.Name)
	set(labels, oldControllerUID, string(job.UID))
	set(labels, batchv1.ControllerUidLabel, string(job.UID))
	if job.Spec.Selector == nil {
		job.Spec.Selector = &metav1.LabelSelector{}
	}
	if job.Spec.Selector.MatchLabels == nil {
		job.Spec.Selector.MatchLabels = make(map[string]string, 1)
	}
	set(job.Spec.Selector.MatchLabels, batchv1.ControllerUidLabel, string(job.UID))
	return nil
}
