package resource

var convertClaims, convertTemplates, convertSlices convert
